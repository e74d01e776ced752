import { randomBytes } from "node:crypto";
import { invariant, RivuletError } from "@rivulet/primitives";
import { parseContentType, parseHeaderValue } from "./content-type.ts";
import { MAX_PART_HEADERS, MAX_PARTS } from "./limits.ts";

/** One part of a body, its bytes a view into the body. */
export interface Part {
  /** From `Content-Disposition`; absent in results. */
  readonly name?: string;
  /** Absent or empty: the part is a text value. */
  readonly filename?: string;
  readonly contentType?: string;
  readonly bytes: Uint8Array;
}

/** A file of a form. */
export interface FormFile {
  readonly bytes: Uint8Array;
  readonly filename: string;
  readonly contentType: string;
}

/** A form taken apart: each name stands once, either as a text or as a file. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, FormFile>;
}

/** A body and the content type that goes with it. */
export interface MultipartBody {
  readonly contentType: string;
  readonly body: Uint8Array;
}

const OCTETS = "application/octet-stream";
/** The longest boundary of RFC 2046. */
const MAX_BOUNDARY = 70;
const DASH = 0x2d;
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

/** The boundary in a multipart content type, or `undefined` when it is none. */
export function findBoundary(contentType: string | undefined, kind: "form-data" | "mixed"): string | undefined {
  const type = parseContentType(contentType);
  const boundary = type?.parameters.get("boundary");
  const isUsable = boundary !== undefined && boundary.length > 0 && boundary.length <= MAX_BOUNDARY;
  return type?.value === `multipart/${kind}` && isUsable ? boundary : undefined;
}

/** Takes a body apart. Throws "request.malformed" for anything but a whole, well-formed one. */
export function parseMultipart(body: Uint8Array, boundary: string): readonly Part[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  const parts: Part[] = [];
  let line = firstDelimiter(bytes, delimiter);
  while (!line.isLast) {
    if (parts.length === MAX_PARTS) throw malformed(`more than ${MAX_PARTS} parts`);
    const { headers, end } = partHeaders(bytes, line.end);
    // A part without content ends in the line break of its own headers.
    const next = findDelimiter(bytes, delimiter, end - 2);
    parts.push(partOf(headers, body.subarray(end, Math.max(end, next.start))));
    line = next;
  }
  return parts;
}

/** A form by names. Throws "request.malformed" when a part has no name, or shares it with another. */
export function formOf(parts: readonly Part[]): Form {
  const fields = new Map<string, string>();
  const files = new Map<string, FormFile>();
  for (const { name, filename, contentType, bytes } of parts) {
    if (name === undefined || name === "") throw malformed("a part without a name");
    if (fields.has(name) || files.has(name)) throw malformed(`more than one part named ${JSON.stringify(name)}`);
    if (filename === undefined || filename === "") fields.set(name, Buffer.from(bytes).toString("utf8"));
    else files.set(name, { bytes, filename, contentType: contentType ?? OCTETS });
  }
  return { fields, files };
}

/** A boundary that no content holds, by accident or on purpose: nobody can know it before it is drawn. */
function drawBoundary(): string {
  return randomBytes(24).toString("hex");
}

/**
 * Writes a form: files first, then the fields in their order, as the network does. Every file gets a name, because a part
 * without one is read as text. Source: wire-protocol 4.7.
 */
export function encodeFormData(
  files: Iterable<readonly [name: string, file: { readonly bytes: Uint8Array; readonly filename: string }]>,
  fields: Iterable<readonly [name: string, text: string]>,
  boundary = drawBoundary(),
): MultipartBody {
  const chunks: Uint8Array[] = [];
  for (const [name, { bytes, filename }] of files) {
    const disposition = `form-data; name="${quoted(name)}"; filename="${quoted(filename === "" ? name : filename)}"`;
    chunks.push(partHead(boundary, [`Content-Disposition: ${disposition}`, `Content-Type: ${OCTETS}`]), bytes, BREAK);
  }
  for (const [name, text] of fields) {
    const head = partHead(boundary, [`Content-Disposition: form-data; name="${quoted(name)}"`]);
    chunks.push(head, Buffer.from(text), BREAK);
  }
  return ended(chunks, "form-data", boundary);
}

/** Writes the files of a result and its JSON, which stands last. Source: wire-protocol 5.5. */
export function encodeMixed(
  files: Iterable<readonly [filename: string, file: { readonly bytes: Uint8Array; readonly contentType: string }]>,
  json: string,
  boundary = drawBoundary(),
): MultipartBody {
  const chunks: Uint8Array[] = [];
  for (const [filename, { bytes, contentType }] of files) {
    invariant(/^[\w.-]+$/.test(filename), `result files have plain names: ${filename}`);
    const head = partHead(boundary, [
      `Content-Type: ${contentType}`,
      `Content-Length: ${bytes.length}`,
      `Content-Disposition: attachment; filename=${filename}`,
    ]);
    chunks.push(head, bytes, BREAK);
  }
  const result = Buffer.from(json);
  // Exactly this type: with a charset peers of the older software overlook the part.
  const head = partHead(boundary, ["Content-Type: application/json", `Content-Length: ${result.length}`]);
  chunks.push(head, result, BREAK);
  return ended(chunks, "mixed", boundary);
}

const BREAK = Buffer.from("\r\n");

function partHead(boundary: string, lines: readonly string[]): Uint8Array {
  return Buffer.from(`--${boundary}\r\n${lines.join("\r\n")}\r\n\r\n`);
}

function ended(chunks: Uint8Array[], kind: "form-data" | "mixed", boundary: string): MultipartBody {
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return { contentType: `multipart/${kind}; boundary=${boundary}`, body: Buffer.concat(chunks) };
}

/** Names inside quotes: no quote or line break of theirs may end them. */
function quoted(text: string): string {
  return text.replace(/[\\"]/g, "\\$&").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/** A line that separates parts: what stands before it, and where the next part begins. */
interface DelimiterLine {
  readonly start: number;
  readonly end: number;
  readonly isLast: boolean;
}

/** The first line may begin the body; what stands before it is a preamble for people. */
function firstDelimiter(bytes: Buffer, delimiter: Buffer): DelimiterLine {
  const opening = delimiter.subarray(2);
  if (bytes.subarray(0, opening.length).equals(opening)) {
    const line = delimiterLine(bytes, 0, opening.length);
    if (line !== undefined) return line;
  }
  return findDelimiter(bytes, delimiter, 0);
}

function findDelimiter(bytes: Buffer, delimiter: Buffer, from: number): DelimiterLine {
  for (let start = bytes.indexOf(delimiter, from); start >= 0; start = bytes.indexOf(delimiter, start + 1)) {
    const line = delimiterLine(bytes, start, start + delimiter.length);
    if (line !== undefined) return line;
  }
  throw malformed("the body ends before its last part does");
}

/** The line whose boundary ends at `at`, or `undefined` when more text follows: then it is content that looks alike. */
function delimiterLine(bytes: Buffer, start: number, at: number): DelimiterLine | undefined {
  if (bytes[at] === DASH && bytes[at + 1] === DASH) return { start, end: at + 2, isLast: true };
  let end = at;
  while (bytes[end] === SPACE || bytes[end] === TAB) end += 1;
  return bytes[end] === CR && bytes[end + 1] === LF ? { start, end: end + 2, isLast: false } : undefined;
}

function partHeaders(bytes: Buffer, start: number): { headers: ReadonlyMap<string, string>; end: number } {
  if (bytes[start] === CR && bytes[start + 1] === LF) return { headers: new Map(), end: start + 2 };
  const length = bytes.subarray(start, start + MAX_PART_HEADERS).indexOf("\r\n\r\n");
  if (length < 0) throw malformed(`the headers of a part do not end within ${MAX_PART_HEADERS} bytes`);
  const headers = new Map<string, string>();
  for (const line of bytes.toString("utf8", start, start + length).split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw malformed("a header line of a part has no name");
    const name = line.slice(0, colon).trim().toLowerCase();
    if (headers.has(name)) throw malformed(`a part has ${JSON.stringify(name)} more than once`);
    headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, end: start + length + 4 };
}

function partOf(headers: ReadonlyMap<string, string>, bytes: Uint8Array): Part {
  const contentType = headers.get("content-type");
  const disposition = headers.get("content-disposition");
  const parsed = disposition === undefined ? undefined : parseHeaderValue(disposition);
  if (disposition !== undefined && parsed === undefined) throw malformed("a part's disposition cannot be read");
  const name = parsed?.parameters.get("name");
  const filename = parsed?.parameters.get("filename");
  return {
    bytes,
    ...(name === undefined ? {} : { name }),
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType }),
  };
}

function malformed(reason: string): RivuletError {
  return new RivuletError("request.malformed", { reason: `multipart: ${reason}` });
}
