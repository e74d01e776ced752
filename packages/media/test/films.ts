import type { Rgb8 } from "../src/image.ts";

/** A red disc that moves to the right over a blue ground that gets lighter downwards. */
export function drawnFrame(width: number, height: number, index: number): Rgb8 {
  const data = new Uint8Array(width * height * 3);
  const [x0, y0, radius] = [width * 0.2 + index * 4, height / 2, Math.min(width, height) / 5];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const isInside = (x - x0) ** 2 + (y - y0) ** 2 < radius ** 2;
      data.set(isInside ? [220, 30, 40] : [30, 60 + Math.round((100 * y) / height), 200], 3 * (y * width + x));
    }
  return { width, height, data };
}

export interface ReadFilm {
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly pixelFormat: string;
  /** As planes: brightness, then the colour differences. */
  readonly frames: readonly Uint8Array[];
}

/** Decodes a film with the optional library; `undefined` where it is not installed. */
export async function readFilm(mp4: Uint8Array): Promise<ReadFilm | undefined> {
  const av = await import("node-av").catch(() => undefined);
  if (av === undefined) return undefined;
  await using demuxer = await av.Demuxer.open(Buffer.from(mp4), { format: "mov" });
  const stream = demuxer.video();
  if (stream === undefined) throw new Error("the file has no video");
  using decoder = await av.Decoder.create(stream);
  const frames: Uint8Array[] = [];
  let pixelFormat = "";
  for await (const packet of demuxer.packets(stream.index)) {
    for (const frame of await decoder.decodeAll(packet)) {
      pixelFormat = av.avGetPixFmtName(frame.format as never) ?? "";
      frames.push(Uint8Array.from(frame.toBuffer()));
      frame.free();
    }
    packet?.free();
  }
  const { width, height } = stream.codecpar;
  const { num, den } = stream.avgFrameRate;
  return { width, height, framesPerSecond: num / den, pixelFormat, frames };
}

/** The boxes that an MP4 file consists of, in order. */
export function boxesOf(mp4: Uint8Array): readonly string[] {
  const view = new DataView(mp4.buffer, mp4.byteOffset, mp4.byteLength);
  const names: string[] = [];
  for (let at = 0; at + 8 <= mp4.length; at += Math.max(8, view.getUint32(at)))
    names.push(Buffer.from(mp4.subarray(at + 4, at + 8)).toString("latin1"));
  return names;
}

/** Whether there is something here to encode with. */
export async function canReadFilms(): Promise<boolean> {
  return (await import("node-av").catch(() => undefined)) !== undefined;
}
