import type { AudioProbe, ImageProbe, MediaFields, MediaFile, MediaKind, MediaProbe, Probes } from "@rivulet/pipelines";
import { type FieldProblem, RivuletError } from "@rivulet/primitives";
import { audioFormats } from "./audio-formats/index.ts";
import { Header } from "./header.ts";
import { imageFormats } from "./image-formats/index.ts";
import { MAX_AUDIO_SECONDS, MAX_PIXELS } from "./limits.ts";

/**
 * Size and format of an image, from its header alone: what is billed, so both sides of a job must find the same.
 *
 * Any bytes are fine. Throws "request.media-unsupported" for an unknown format, "request.media-undecodable" for a
 * broken one or one with more than `MAX_PIXELS`; both name `field`.
 */
export function probeImage(bytes: Uint8Array, field = "image"): ImageProbe {
  const header = new Header(bytes, field);
  const format = imageFormats.find((candidate) => candidate.matches(header));
  if (format === undefined) throw unsupported(field, imageFormats);
  const { width, height } = format.size(header);
  if (width <= 0 || height <= 0) header.fail("the image is empty");
  if (width * height > MAX_PIXELS) header.fail(`the image has more than ${MAX_PIXELS} pixels`);
  return { kind: "image", format: format.name, width, height };
}

/**
 * Length and format of an audio file, from its headers and the lengths of its parts; nothing is decoded.
 *
 * Any bytes are fine, in time linear in their number. Throws as `probeImage` does.
 */
export function probeAudio(bytes: Uint8Array, field = "audio"): AudioProbe {
  const header = new Header(bytes, field);
  const format = audioFormats.find((candidate) => candidate.matches(header));
  if (format === undefined) throw unsupported(field, audioFormats);
  const durationSeconds = format.durationSeconds(header);
  if (!(durationSeconds >= 0 && durationSeconds <= MAX_AUDIO_SECONDS))
    header.fail(`audio lasts at most ${MAX_AUDIO_SECONDS} seconds`);
  return { kind: "audio", format: format.name, durationSeconds };
}

const probes: { readonly [K in MediaKind]: (bytes: Uint8Array, field: string) => MediaProbe<K> } = {
  image: probeImage,
  audio: probeAudio,
};

/** Probes a file of a kind. `field` names it in errors. */
export function probe<K extends MediaKind>(kind: K, bytes: Uint8Array, field: string = kind): MediaProbe<K> {
  return probes[kind](bytes, field);
}

/**
 * Probes the files of a request: one for every media field of its pipeline. Other files are ignored.
 *
 * Throws "request.invalid" naming the fields that have no file, or what `probeImage` throws.
 */
export function probeFiles<M extends MediaFields>(media: M, files: Readonly<Record<string, MediaFile>>): Probes<M> {
  const problems: FieldProblem[] = [];
  const found: Record<string, MediaProbe> = {};
  for (const [field, kind] of Object.entries(media)) {
    const file = Object.hasOwn(files, field) ? files[field] : undefined;
    if (file === undefined) problems.push({ loc: ["body", field], msg: "is required", type: "missing" });
    else found[field] = probe(kind, file.bytes, field);
  }
  if (problems.length > 0) throw new RivuletError("request.invalid", { problems });
  return found as Probes<M>;
}

function unsupported(field: string, known: readonly { readonly name: string }[]) {
  const names = known.map(({ name }) => name).join(", ");
  return new RivuletError("request.media-unsupported", { field, reason: `known formats are ${names}` });
}
