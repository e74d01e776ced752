import { crc32 } from "node:zlib";
import type { MediaFile } from "@rivulet/pipelines";
import sharp, { type Sharp } from "sharp";

/** A picture file of a size, by how it is encoded. */
export async function pictureFile(
  width: number,
  height: number,
  encode: (picture: Sharp) => Sharp = (picture) => picture.png(),
): Promise<MediaFile> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7 + (i % 3) * 50) % 256);
  const bytes = await encode(sharp(data, { raw: { width, height, channels: 3 } })).toBuffer();
  return file(bytes);
}

const [WIDE, HIGH] = [40, 24];

/** Pictures that are unusual but fine, each with its size. */
export const odd: Readonly<
  Record<string, () => Promise<MediaFile & { readonly width: number; readonly height: number }>>
> = {
  "one pixel": () => sized(1, 1),
  "20,000 pixels wide": () => sized(20_000, 1),
  "grey, in 16 bits": () => sized(WIDE, HIGH, (picture) => picture.toColourspace("grey16").png()),
  "colours in 16 bits": () => sized(WIDE, HIGH, (picture) => picture.toColourspace("rgb16").png()),
  "printing colours": () => sized(WIDE, HIGH, (picture) => picture.toColourspace("cmyk").jpeg()),
  "a photo that says it lies on its side": () =>
    sized(WIDE, HIGH, (picture) => picture.withMetadata({ orientation: 6 }).jpeg()),
  "transparent all over": () => sized(WIDE, HIGH, (picture) => picture.ensureAlpha(0).png()),
  "a palette": () => sized(WIDE, HIGH, (picture) => picture.png({ palette: true })),
  "the wrong content type": async () => ({
    ...(await sized(WIDE, HIGH, (picture) => picture.webp())),
    filename: "a.jpeg",
    contentType: "image/jpeg",
  }),
  "several frames": async () => {
    const frames = await Promise.all([1, 2].map(() => pictureFile(WIDE, HIGH)));
    const bytes = await sharp(
      frames.map(({ bytes }) => Buffer.from(bytes)),
      { join: { animated: true } },
    )
      .gif()
      .toBuffer();
    return { ...file(bytes), width: WIDE, height: HIGH };
  },
  "a cut end": async () => {
    const whole = await sized(256, 256, (picture) => picture.jpeg());
    return { ...whole, bytes: whole.bytes.subarray(0, Math.floor(whole.bytes.length * 0.8)) };
  },
};

/** Files that no picture can be read from, and the code that says so. */
export const unreadable: Readonly<Record<string, { readonly bytes: Uint8Array; readonly code: string }>> = {
  "nothing at all": { bytes: new Uint8Array(), code: "request.media-unsupported" },
  "a text": { bytes: new TextEncoder().encode("not a picture"), code: "request.media-unsupported" },
  "drawn by a program": {
    bytes: new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    code: "request.media-unsupported",
  },
  "a film without a frame": {
    bytes: Buffer.from("\0\0\0\x18ftypisom\0\0\0\0isommp42", "latin1"),
    code: "request.media-undecodable",
  },
  "a kind of picture that is not read here": {
    bytes: Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"),
    code: "request.media-unsupported",
  },
  "400 million pixels": { bytes: pngHeader(20_000, 20_000), code: "request.media-undecodable" },
  "a beginning and nothing more": { bytes: pngHeader(8, 8).subarray(0, 20), code: "request.media-undecodable" },
};

/** The first bytes of a PNG, whose pixels never come. */
function pngHeader(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(33);
  header.write("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 0, "latin1");
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  header[24] = 8;
  header[25] = 2;
  return header;
}

/** A PNG of colours in 8 bits with the given packed rows, and a chunk before them. */
export function pngOf(
  width: number,
  height: number,
  rows: Uint8Array,
  extra?: readonly [name: string, data: Uint8Array],
): Uint8Array {
  const size = Buffer.alloc(13);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  size.set([8, 2], 8);
  const chunks: (readonly [string, Uint8Array])[] = [
    ["IHDR", size],
    ...(extra === undefined ? [] : [extra]),
    ["IDAT", rows],
    ["IEND", new Uint8Array()],
  ];
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    ...chunks.map(([name, data]) => chunk(name, data)),
  ]);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  whole.set(body, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

async function sized(width: number, height: number, encode?: (picture: Sharp) => Sharp) {
  return { ...(await pictureFile(width, height, encode)), width, height };
}

export function file(bytes: Uint8Array): MediaFile {
  return { bytes, filename: "picture", contentType: "application/octet-stream" };
}
