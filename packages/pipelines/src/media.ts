/** The kinds of file a request may carry. */
export type MediaKind = "image" | "audio";

/** What the header of an image says. */
export interface ImageProbe {
  readonly kind: "image";
  /** Of an MP4 the picture is the first frame. */
  readonly format: "png" | "jpeg" | "gif" | "webp" | "bmp" | "tiff" | "mp4";
  readonly width: number;
  readonly height: number;
}

/** What the header of an audio file says. */
export interface AudioProbe {
  readonly kind: "audio";
  readonly format: string;
  /** Length in seconds, not rounded. */
  readonly durationSeconds: number;
}

export type MediaProbe<K extends MediaKind = MediaKind> = K extends "image" ? ImageProbe : AudioProbe;

/** A file of a request, as bytes in memory. */
export interface MediaFile {
  readonly bytes: Uint8Array;
  /** The name the sender gave; never empty on the wire. */
  readonly filename: string;
  readonly contentType: string;
}
