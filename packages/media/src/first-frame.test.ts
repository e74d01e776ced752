import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { mp4 } from "../test/audio-files.ts";
import { canReadFilms, drawnFrame } from "../test/films.ts";
import { CodecFailed, CodecMissing } from "./codec-process.ts";
import { firstFrame } from "./first-frame.ts";
import { decodeImage, encodePng } from "./image.ts";
import { encodeMp4 } from "./mp4.ts";
import { probeImage } from "./probe.ts";
import { frameWithLibrary, frameWithProgram } from "./video/first-frame-process.ts";

const never = new AbortController().signal;

describe.skipIf(!(await canReadFilms()))("a film in place of a picture", () => {
  const [width, height] = [98, 64];
  let film: Uint8Array;
  beforeAll(async () => {
    const frames = await Promise.all([0, 5, 9].map((index) => encodePng(drawnFrame(width, height, index))));
    film = await encodeMp4({ frames, framesPerSecond: 7, signal: never });
  });

  test("is as large as its frames", () => {
    expect(probeImage(film)).toEqual({ kind: "image", format: "mp4", width, height });
  });

  test("is its first frame", async () => {
    const seen = await decodeImage(film);
    const drawn = drawnFrame(width, height, 0);
    const error = drawn.data.reduce((sum, value, i) => sum + (value - (seen.data[i] ?? 0)) ** 2, 0) / drawn.data.length;
    expect([seen.width, seen.height]).toEqual([width, height]);
    expect(10 * Math.log10(255 ** 2 / error)).toBeGreaterThan(25);
  });

  test("that lies about its size is refused, for that is what is paid for", async () => {
    const lie = { bytes: film, width: 8, height: 8, signal: never };
    await expect(firstFrame(lie, "image")).rejects.toMatchObject({ code: "request.media-undecodable" });
    // By the process that decodes it, before it takes the memory of pixels that nobody reads.
    await expect(frameWithLibrary(lie)).rejects.toBeInstanceOf(CodecFailed);
  });

  test("of any damage is a picture or refused", async () => {
    for (const share of [0.1, 0.5, 0.9]) {
      const torn = Uint8Array.from(film, (value, i) => (i > film.length * share && i % 3 === 0 ? value ^ 0x55 : value));
      for (const bytes of [film.subarray(0, film.length * share), torn])
        await decodeImage(bytes).catch((error) => expect(error.facts.field).toBe("image"));
    }
  });
});

describe("the first frame", () => {
  const film = { bytes: new Uint8Array(9), width: 2, height: 1, signal: never };

  test("is made by what is installed", async () => {
    const missing = async () => Promise.reject(new CodecMissing());
    const made = async () => Uint8Array.of(1, 2, 3, 4, 5, 6);
    expect((await firstFrame(film, "image", [missing, made])).data).toHaveLength(6);
    await expect(firstFrame(film, "image", [missing])).rejects.toMatchObject({
      code: "request.media-unsupported",
      facts: { field: "image", reason: expect.stringContaining("ffmpeg") },
    });
  });

  test("that cannot be made is the file's fault, with the reason", async () => {
    const failing = async () => Promise.reject(new CodecFailed("moov atom not found"));
    await expect(firstFrame(film, "image", [failing])).rejects.toMatchObject({
      code: "request.media-undecodable",
      facts: { reason: "moov atom not found" },
    });
  });

  test("is asked of the program with the format named", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ffmpeg-"));
    const program = join(folder, "ffmpeg");
    writeFileSync(
      program,
      '#!/bin/sh\ncase "$*" in *"-max_pixels "*"-f mov -i "*"-frames:v 1 -pix_fmt rgb24"*) printf abcdef ;; *) exit 1 ;; esac\n',
    );
    chmodSync(program, 0o755);
    try {
      expect(await firstFrame(film, "image", [frameWithProgram(program)])).toMatchObject({ width: 2, height: 1 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("is not looked for when the caller has left", async () => {
    const reason = new Error("left");
    await expect(firstFrame({ ...film, signal: AbortSignal.abort(reason) }, "image")).rejects.toBe(reason);
  });

  test("of sound alone is none", async () => {
    await expect(decodeImage(mp4(1500))).rejects.toMatchObject({ code: "request.media-undecodable" });
  });
});
