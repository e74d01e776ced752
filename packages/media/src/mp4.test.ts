import { codeOf } from "@rivulet/primitives";
import { describe, expect, test } from "vitest";
import { boxesOf, canReadFilms, drawnFrame, readFilm } from "../test/films.ts";
import { CodecFailed, CodecMissing } from "./codec-process.ts";
import { encodePng } from "./image.ts";
import { encodeMp4 } from "./mp4.ts";
import { sniffContentType } from "./sniff.ts";
import { encodeWithLibrary, encodeWithProgram } from "./video/encoder-process.ts";
import { yuv420 } from "./video/yuv.ts";

const signal = new AbortController().signal;
const drawn = (width: number, height: number, count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => encodePng(drawnFrame(width, height, index))));

const canRead = await canReadFilms();

describe.skipIf(!canRead)("a film made with the library", () => {
  test.each([
    [64, 48, 25, 6],
    [33, 17, 3, 24],
    [1, 1, 1, 1],
    [256, 144, 2, 60],
  ])(
    "of %i × %i has its %i frames, %i a second, in even sizes and colours that all browsers play",
    async (width, height, count, framesPerSecond) => {
      const frames = await drawn(width, height, count);
      const mp4 = await encodeMp4({ frames, framesPerSecond, signal, encoders: [encodeWithLibrary] });
      expect(sniffContentType(mp4)).toBe("video/mp4");
      const film = await readFilm(mp4);
      expect(film).toMatchObject({
        width: width + (width % 2),
        height: height + (height % 2),
        framesPerSecond,
        pixelFormat: "yuv420p",
      });
      expect(film?.frames).toHaveLength(count);
      for (const [index, frame] of film?.frames.entries() ?? [])
        expect(apart(frame, yuv420(drawnFrame(width, height, index)))).toBeLessThan(3);
    },
  );

  test("can be played from its first byte on: the index comes before the pictures", async () => {
    const frames = await drawn(64, 48, 4);
    const boxes = boxesOf(await encodeMp4({ frames, framesPerSecond: 6, signal, encoders: [encodeWithLibrary] }));
    expect(boxes[0]).toBe("ftyp");
    expect(boxes.indexOf("moov")).toBeLessThan(boxes.indexOf("mdat"));
  });
});

describe("joining frames", () => {
  test("takes the next encoder where one is not installed, with all frames again", async () => {
    const seen: number[] = [];
    const mp4 = await encodeMp4({
      frames: await drawn(8, 8, 3),
      framesPerSecond: 6,
      signal,
      encoders: [
        async ({ frames }) => {
          for await (const _frame of frames()) throw new CodecMissing();
          throw new CodecMissing();
        },
        async ({ frames, width, height }) => {
          for await (const frame of frames()) seen.push(frame.length);
          return Uint8Array.of(width, height);
        },
      ],
    });
    expect(seen).toEqual([96, 96, 96]);
    expect([...mp4]).toEqual([8, 8]);
  });

  test("says what to install where there is nothing to encode with", async () => {
    const encoders = [encodeWithProgram("/no/such/program")];
    const joining = encodeMp4({ frames: await drawn(8, 8, 3), framesPerSecond: 6, signal, encoders });
    await expect(joining).rejects.toMatchObject({
      code: "runner.failed",
      facts: { reason: expect.stringMatching(/node-av.*ffmpeg/) },
    });
  });

  test("says why an encoder failed, and goes on living when it died", async () => {
    for (const encoder of [
      () => Promise.reject(new CodecFailed("no room")),
      encodeWithProgram("/bin/false"),
      encodeWithProgram(process.execPath),
    ]) {
      const joining = encodeMp4({ frames: await drawn(64, 64, 30), framesPerSecond: 6, signal, encoders: [encoder] });
      await expect(joining.catch(codeOf)).resolves.toBe("runner.failed");
    }
  });

  test("refuses what are no frames of one size", async () => {
    const [frame = Uint8Array.of()] = await drawn(8, 8, 1);
    const [other = Uint8Array.of()] = await drawn(8, 10, 1);
    for (const frames of [[], [Buffer.from("no picture")], [frame, other], [frame, frame.subarray(0, 20)]]) {
      const joining = encodeMp4({ frames, framesPerSecond: 6, signal });
      await expect(joining.catch(codeOf)).resolves.toBe("runner.failed");
    }
  });

  test("ends when it is called off, with the signal's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("called off");
    const joining = encodeMp4({
      frames: await drawn(64, 64, 3),
      framesPerSecond: 6,
      signal: controller.signal,
      encoders: [
        async (film) => {
          setImmediate(() => controller.abort(reason));
          // A program that takes all and never ends.
          return encodeWithProgram("/bin/cat")(film);
        },
      ],
    });
    await expect(joining).rejects.toBe(reason);
  });
});

/** How far two frames are apart, on average. */
function apart(ours: Uint8Array, theirs: Uint8Array): number {
  expect(ours).toHaveLength(theirs.length);
  return ours.reduce((sum, value, index) => sum + Math.abs(value - (theirs[index] ?? 0)), 0) / ours.length;
}
