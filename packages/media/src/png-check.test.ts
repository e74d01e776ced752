import { crc32, deflateSync } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { big, concat, zeros } from "../test/bytes.ts";
import { pixels } from "../test/image-files.ts";
import { encodePng, verifyImage } from "./image.ts";
import { checkPng, type PngVerdict } from "./png-check.ts";

const side = fc.integer({ min: 1, max: 40 });
const rawPicture = fc.tuple(side, side, fc.constantFrom(1, 2, 3, 4)).chain(([width, height, channels]) =>
  fc.record({
    raw: fc.constant({ width, height, channels: channels as 1 | 2 | 3 | 4 }),
    data: fc.uint8Array({ minLength: width * height * channels, maxLength: width * height * channels }),
    compressionLevel: fc.integer({ min: 0, max: 9 }),
    adaptiveFiltering: fc.boolean(),
  }),
);

test("every picture that the encoder makes row by row is whole", async () => {
  await fc.assert(
    fc.asyncProperty(rawPicture, async ({ raw, data, ...options }) => {
      expect(await checkPng(await sharp(data, { raw }).png(options).toBuffer())).toBe("whole");
    }),
  );
});

describe("other kinds of pixel", () => {
  const source = () => sharp(pixels(40, 24), { raw: { width: 40, height: 24, channels: 3 } });

  test.each([
    ["16 bits", "whole", () => source().toColourspace("rgb16").png()],
    ["a palette", "whole", () => source().png({ palette: true })],
    ["a palette of two", "whole", () => source().png({ palette: true, colours: 2 })],
    [
      "with a profile and a text",
      "whole",
      () =>
        source()
          .withMetadata({ exif: { IFD0: { Copyright: "x" } } })
          .png(),
    ],
    ["interlaced", "unclear", () => source().png({ progressive: true })],
  ])("%s: %s", async (_, verdict, encoder) => {
    const png = await encoder().toBuffer();
    expect(await checkPng(png)).toBe(verdict);
    expect(await verifyImage(png)).toMatchObject({ format: "png", width: 40, height: 24 });
  });
});

test("a picture cut anywhere is damaged, and refused", async () => {
  const png = await encodePng({ width: 16, height: 16, data: pixels(16, 16) });
  for (let length = 33; length < png.length; length += 1)
    expect(await checkPng(png.subarray(0, length))).toBe("damaged");
  await expect(verifyImage(png.subarray(0, -13))).rejects.toMatchObject({ code: "request.media-undecodable" });
});

test("a picture with any changed byte is not whole", async () => {
  const png = await encodePng({ width: 16, height: 16, data: pixels(16, 16) });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 8, max: png.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const changed = Uint8Array.from(png, (byte, index) => (index === at ? byte ^ by : byte));
      expect(await checkPng(changed)).not.toBe("whole");
    }),
  );
});

describe("what has good checksums and is wrong all the same", () => {
  const chunk = (name: string, data: Uint8Array | string) =>
    concat(big(4, data.length), name, data, big(4, crc32(concat(name, data))));
  const header = (width: number, height: number, rest: string) =>
    chunk("IHDR", concat(big(4, width), big(4, height), rest));
  const packed = (...bytes: readonly number[]) => chunk("IDAT", deflateSync(Uint8Array.from(bytes)));
  const grey = header(2, 2, "\x08\0\0\0\0");
  const rows = packed(0, 1, 2, 0, 3, 4);
  const end = chunk("IEND", "");

  test("little that takes long to unpack keeps nobody waiting", async () => {
    // Rows of six bytes behind a hundred thousand blocks of none.
    const blocks = concat("\x78\x01", ...Array.from({ length: 100_000 }, () => "\0\0\0\xff\xff"));
    const none = chunk("IDAT", blocks);
    let hasTurned = false;
    process.nextTick(() => {
      hasTurned = true;
    });
    await checkPng(concat("\x89PNG\r\n\x1a\n", grey, none, end));
    expect(hasTurned).toBe(true);
  });

  test.each<[string, PngVerdict, readonly (Uint8Array | string)[]]>([
    ["nothing", "whole", [grey, rows, end]],
    ["a row too few", "damaged", [grey, packed(0, 1, 2), end]],
    ["a row too many", "unclear", [grey, packed(0, 1, 2, 0, 3, 4, 0, 5, 6), end]],
    ["a filter there is not", "damaged", [grey, packed(0, 1, 2, 5, 3, 4), end]],
    ["no pixels", "damaged", [grey, end]],
    ["pixels in two places", "damaged", [grey, rows, chunk("tIME", zeros(7)), rows, end]],
    ["pixels that do not unpack", "damaged", [grey, chunk("IDAT", "pixels"), end]],
    ["no header", "damaged", [rows, end]],
    ["a depth that its colour does not have", "damaged", [header(2, 2, "\x04\x02\0\0\0"), rows, end]],
    ["no palette", "damaged", [header(2, 2, "\x08\x03\0\0\0"), rows, end]],
    ["a chunk that must be understood", "unclear", [grey, chunk("ABCD", "?"), rows, end]],
    ["bytes after the end", "unclear", [grey, rows, end, "more"]],
    ["more chunks than are looked at here", "unclear", [grey, ...Array.from({ length: 2048 }, () => rows), end]],
    ["more pixels than are looked at here", "unclear", [header(4096, 4096, "\x08\0\0\0\0"), rows, end]],
  ])("%s: %s", async (_, verdict, chunks) => {
    expect(await checkPng(concat("\x89PNG\r\n\x1a\n", ...chunks))).toBe(verdict);
  });
});
