import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { bmp, encoders, pixels, pngHeader } from "../test/image-files.ts";
import { decodeImage, encodePng, verifyImage } from "./image.ts";

const [width, height] = [40, 24];
const data = pixels(width, height);

test("what is encoded is decoded to the same pixels", async () => {
  const png = await encodePng({ width, height, data });
  const image = await decodeImage(png);
  expect([image.width, image.height]).toEqual([width, height]);
  expect(Buffer.compare(image.data, data)).toBe(0);
  expect(await verifyImage(png)).toEqual({ kind: "image", format: "png", width, height });
});

test.each(Object.entries(encoders))("every format becomes RGB without rotation: %s", async (_name, encode) => {
  const image = await decodeImage(await encode(width, height));
  expect([image.width, image.height, image.data.length]).toEqual([width, height, width * height * 3]);
});

describe("every kind of pixel becomes three bytes", () => {
  const source = () => sharp(data, { raw: { width, height, channels: 3 } });

  test.each([
    ["grey", () => source().greyscale().png()],
    ["16 bits", () => source().toColourspace("rgb16").png()],
    ["a palette", () => source().png({ palette: true })],
    ["CMYK", () => source().toColourspace("cmyk").jpeg()],
  ])("%s", async (_name, encoder) => {
    expect((await decodeImage(await encoder().toBuffer())).data.length).toBe(width * height * 3);
  });

  test("alpha is dropped, not composited", async () => {
    const seeThrough = await sharp(Uint8Array.of(10, 20, 30, 0), { raw: { width: 1, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect([...(await decodeImage(seeThrough)).data]).toEqual([10, 20, 30]);
  });
});

describe("damage", () => {
  test.each(["png", "jpeg"])("a cut %s is decoded as far as it goes, and is no good result", async (name) => {
    const whole = await encoders[name]?.(256, 256);
    const cut = whole?.subarray(0, Math.floor(whole.length * 0.8)) ?? new Uint8Array();
    expect((await decodeImage(cut)).data.length).toBe(256 * 256 * 3);
    await expect(verifyImage(cut, { field: "images.0" })).rejects.toMatchObject({
      code: "request.media-undecodable",
      facts: { field: "images.0" },
    });
  });

  test("a header without pixels is refused", async () => {
    await expect(verifyImage(pngHeader(8, 8))).rejects.toMatchObject({ code: "request.media-undecodable" });
  });

  test("too many pixels are refused before they are read", async () => {
    const options = { maxPixels: 100 };
    await expect(decodeImage(pngHeader(20, 20), options)).rejects.toMatchObject({ code: "request.media-undecodable" });
  });

  test("a format that nobody answers in is no good result", async () => {
    await expect(verifyImage(bmp(8, 8))).rejects.toMatchObject({ code: "request.media-unsupported" });
  });
});
