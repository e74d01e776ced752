import type { ImageProbe } from "@rivulet/pipelines";
import type { Header } from "./header.ts";

/** A file format: how to know it by its first bytes. */
export interface Format {
  readonly contentType: string;
  /** Looks at a fixed number of bytes and never throws. */
  matches(header: Header): boolean;
}

export interface ImageFormat extends Format {
  readonly name: ImageProbe["format"];
  /** Width and height as the header states them, before any rotation asked for by metadata. */
  size(header: Header): { readonly width: number; readonly height: number };
}

export interface AudioFormat extends Format {
  readonly name: string;
  durationSeconds(header: Header): number;
}
