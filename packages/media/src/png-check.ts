import { promisify } from "node:util";
import { crc32, inflate, inflateSync } from "node:zlib";

/** `whole`: every pixel is there. `damaged`: no decoder may be trusted with it. `unclear`: a decoder has to say. */
export type PngVerdict = "whole" | "damaged" | "unclear";

/**
 * Larger files and pictures are unclear: beyond about 1024² a decoder is as quick, and reading the file here would keep
 * everybody else waiting. 4 MiB of chunks take 1 to 2 ms; inflating happens on another thread.
 */
const MAX_FILE_BYTES = 4 << 20;
const MAX_ROWS_BYTES = 4 << 20;
/** Bytes that unpack in 0.2 ms: asking another thread takes as long, and more of everybody's time. */
const MAX_INLINE = 64 << 10;
/** Encoders write some 8 KiB a chunk: 512 of them here. A file of nothing but empty chunks would cost a third of a second. */
const MAX_CHUNKS = 2048;

const SIGNATURE_LENGTH = 8;
/** Length and name before a chunk's data, its checksum after it. */
const HEAD_LENGTH = 8;
const CHECKSUM_LENGTH = 4;
const IHDR_LENGTH = 13;
const MAX_PALETTE_LENGTH = 256 * 3;
/** Rows begin with the number of their filter. */
const LAST_FILTER = 4;

/** Samples a pixel and the bits a sample may have, by colour type. Source: PNG, third edition, table 11.1. */
const COLOURS: ReadonlyMap<number, { readonly samples: number; readonly depths: readonly number[] }> = new Map([
  [0, { samples: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { samples: 3, depths: [8, 16] }],
  [3, { samples: 1, depths: [1, 2, 4, 8] }],
  [4, { samples: 2, depths: [8, 16] }],
  [6, { samples: 4, depths: [8, 16] }],
]);
const PALETTE = 3;

const inflated = promisify(inflate) as (
  bytes: Uint8Array,
  options: { readonly chunkSize: number; readonly maxOutputLength: number },
) => Promise<Buffer>;

/**
 * Whether a PNG is whole, without decoding it: every chunk with its checksum in its place, and rows of pixels that
 * unpack to exactly as many bytes as the header promises. Costs a fraction of decoding.
 *
 * Any bytes are fine; what is not a plain PNG (interlaced, with chunks nobody knows, with bytes after its end) is unclear.
 */
export async function checkPng(bytes: Uint8Array): Promise<PngVerdict> {
  if (bytes.byteLength > MAX_FILE_BYTES) return "unclear";
  const read = readChunks(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return typeof read === "string" ? read : checkRows(read);
}

/** What the header says of the rows. */
interface Layout {
  /** One row's bytes, its filter included. */
  readonly rowLength: number;
  readonly rows: number;
  readonly needsPalette: boolean;
}

interface Packed extends Layout {
  readonly data: readonly Buffer[];
}

function readChunks(file: Buffer): Packed | PngVerdict {
  let layout: Layout | undefined;
  let palette: Buffer | undefined;
  let isDataOver = false;
  const data: Buffer[] = [];
  for (let at = SIGNATURE_LENGTH, chunks = 1; ; chunks += 1) {
    if (chunks > MAX_CHUNKS) return "unclear";
    if (at + HEAD_LENGTH + CHECKSUM_LENGTH > file.length) return "damaged";
    const begin = at + HEAD_LENGTH;
    const end = begin + file.readUInt32BE(at);
    if (end + CHECKSUM_LENGTH > file.length) return "damaged";
    const name = file.toString("latin1", at + 4, begin);
    const chunk = file.subarray(begin, end);
    const isIntact = crc32(file.subarray(at + 4, end)) === file.readUInt32BE(end);
    if (!isIntact) return isAncillary(name) ? "unclear" : "damaged";
    at = end + CHECKSUM_LENGTH;
    if (layout === undefined) {
      if (name !== "IHDR" || chunk.length !== IHDR_LENGTH) return "damaged";
      const found = layoutOf(chunk);
      if (typeof found === "string") return found;
      layout = found;
    } else if (name === "IDAT") {
      if (isDataOver || (layout.needsPalette && palette === undefined)) return "damaged";
      data.push(chunk);
    } else if (name === "IEND") {
      if (data.length === 0) return "damaged";
      return at === file.length && chunk.length === 0 ? { ...layout, data } : "unclear";
    } else {
      isDataOver = data.length > 0;
      if (name === "PLTE" && palette === undefined && !isDataOver && isPalette(chunk)) palette = chunk;
      else if (!isAncillary(name)) return "unclear";
    }
  }
}

function layoutOf(header: Buffer): Layout | PngVerdict {
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [depth = 0, colour = 0, compression, filter, interlace] = header.subarray(8);
  const { samples, depths } = COLOURS.get(colour) ?? { samples: 0, depths: [] };
  if (width === 0 || height === 0 || !depths.includes(depth) || compression !== 0 || filter !== 0) return "damaged";
  const rowLength = 1 + Math.ceil((width * samples * depth) / 8);
  if (interlace !== 0 || rowLength * height > MAX_ROWS_BYTES) return "unclear";
  return { rowLength, rows: height, needsPalette: colour === PALETTE };
}

async function checkRows({ rowLength, rows, data }: Packed): Promise<PngVerdict> {
  const length = rowLength * rows;
  let unpacked: Buffer;
  try {
    const packed = data.length === 1 && data[0] !== undefined ? data[0] : Buffer.concat(data);
    // One piece, so that the other thread is asked once.
    const options = { chunkSize: Math.max(64, length + 1), maxOutputLength: length };
    // Few rows may stand behind megabytes that unpack to nothing.
    const isSmall = length <= MAX_INLINE && packed.length <= MAX_INLINE;
    unpacked = isSmall ? inflateSync(packed, options) : await inflated(packed, options);
  } catch (error) {
    return isTooLong(error) ? "unclear" : "damaged";
  }
  if (unpacked.length !== length) return "damaged";
  for (let at = 0; at < length; at += rowLength) if ((unpacked[at] ?? 0) > LAST_FILTER) return "damaged";
  return "whole";
}

/** Chunks that may be passed over have a small first letter. */
function isAncillary(name: string): boolean {
  return name.charCodeAt(0) >= 0x61;
}

function isPalette(chunk: Buffer): boolean {
  return chunk.length > 0 && chunk.length <= MAX_PALETTE_LENGTH && chunk.length % 3 === 0;
}

function isTooLong(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}
