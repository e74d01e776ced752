import { deflateSync } from "node:zlib";
import { encodeMp4 } from "@rivulet/media";
import type { MediaFile } from "@rivulet/pipelines";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { file, odd, pictureFile, pngOf, unreadable } from "../pictures.ts";
import { ask, expectStanding, judged, openStand, PATIENCE, type Stand, subjects } from "./stand.ts";

const seeing = subjects.filter(({ media }) => "image" in media);

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(async () => {
  await expectStanding(stand, seeing);
  await stand[Symbol.asyncDispose]();
});

const MIB = 2 ** 20;
const zeros = deflateSync(Buffer.alloc(64 * MIB));
/** Rows of a picture of 8 × 8, which have nothing wrong with them. */
const plain = deflateSync(Buffer.alloc(8 * 25));
const packed = Buffer.concat([Buffer.from("a\0\0"), zeros]);
const grey = { channels: 3, background: "#888" } as const;

/** Small files that would be large, each made once. */
const bombs: Readonly<Record<string, Promise<Uint8Array>>> = {
  "64 MiB of rows in a picture of 8 × 8": Promise.resolve(pngOf(8, 8, zeros)),
  "a text of 64 MiB beside its pixels": Promise.resolve(pngOf(8, 8, plain, ["zTXt", packed])),
  "a colour profile of 64 MiB": Promise.resolve(pngOf(8, 8, plain, ["iCCP", packed])),
  "rows that never come": Promise.resolve(pngOf(4000, 4000, deflateSync(Buffer.alloc(10)))),
  "67 million pixels of one colour": sharp({ create: { width: 8192, height: 8192, ...grey } })
    .png()
    .toBuffer(),
  "hundreds of frames": (async () => {
    const page = await sharp({ create: { width: 64, height: 64, ...grey } })
      .png()
      .toBuffer();
    const pages = Array.from({ length: 300 }, () => page);
    return sharp(pages, { join: { animated: true } })
      .gif()
      .toBuffer();
  })(),
};

describe.each(seeing.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
  test.each(Object.entries(odd))("takes a picture of %s, or refuses it by name", async (_what, make) => {
    await judged(await ask(stand, pipeline, { media: { image: await make() } }), pipeline, "image");
  });

  test.each(Object.entries(unreadable))("refuses a file that is %s", async (_what, { bytes, code }) => {
    const answer = await ask(stand, pipeline, { media: { image: file(bytes) } });
    expect([answer.status >= 400 && answer.status < 500, answer.code]).toEqual([true, code]);
    expect(answer.text).toContain("image");
  });

  test.each(Object.entries(bombs))("stands %s", async (_what, made) => {
    const image = file(await made);
    expect(image.bytes.length).toBeLessThan(2 * MIB);
    const before = process.memoryUsage().rss;
    await judged(await ask(stand, pipeline, { media: { image } }), pipeline, "image");
    expect((process.memoryUsage().rss - before) / MIB).toBeLessThan(1500);
  });

  test("takes a film for its first frame, or says what it would need for that", async () => {
    const frames = await Promise.all([1, 2].map(async () => (await pictureFile(64, 48)).bytes));
    const film = await encodeMp4({ frames, framesPerSecond: 6, signal: AbortSignal.timeout(PATIENCE) }).catch(
      () => undefined,
    );
    if (film === undefined) return;
    const answer = await ask(stand, pipeline, { media: { image: file(film) } });
    expect(await judged(answer, pipeline, "image")).toBe("done");
  });

  test("refuses a file that is larger than any may be", async () => {
    const answer = await ask(stand, pipeline, { media: { image: file(new Uint8Array(51 * MIB)) } });
    expect([answer.status, answer.code]).toEqual([413, "request.too-large"]);
  });

  test("refuses a request without its file by the field's name, and one with two", async () => {
    const asForm = async (images: readonly MediaFile[]) => {
      const form = new FormData();
      for (const { bytes } of images) form.append("image", new Blob([Uint8Array.from(bytes)]), "a.png");
      form.append("prompt", "a");
      const response = await fetch(`${stand.url}/${pipeline.name}`, { method: "POST", body: form });
      return { status: response.status, text: await response.text() };
    };
    const picture = await pictureFile(64, 64);
    for (const [images, status] of [
      [[], 422],
      [[picture, picture], 400],
    ] as const) {
      const answer = await asForm(images);
      expect([answer.status, answer.text]).toEqual([status, expect.stringContaining("image")]);
    }
  });

  test.each(["../../../etc/passwd", "/etc/passwd", "a\u0000.png", "<script>.png", "ä".repeat(300), ".."])(
    "does not care that a file is called %.20j",
    async (filename) => {
      const image = { ...(await pictureFile(64, 64)), filename };
      expect(await judged(await ask(stand, pipeline, { media: { image } }), pipeline)).toBe("done");
    },
  );
});
