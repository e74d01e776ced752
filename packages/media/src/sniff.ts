import { audioFormats } from "./audio-formats/index.ts";
import type { Format } from "./format.ts";
import { Header } from "./header.ts";
import { imageFormats } from "./image-formats/index.ts";

const formats: readonly Format[] = [...imageFormats, ...audioFormats];

/** The content type that the first bytes of a file speak for, `undefined` when they say nothing we know. */
export function sniffContentType(bytes: Uint8Array): string | undefined {
  const header = new Header(bytes, "file");
  return formats.find((format) => format.matches(header))?.contentType;
}
