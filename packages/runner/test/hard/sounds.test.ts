import type { MediaFile } from "@rivulet/pipelines";
import { isError, RivuletError } from "@rivulet/primitives";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { floatWav, sweep, type WavForm, wavOf } from "../sounds.ts";
import { ask, expectStanding, judged, openStand, type Stand, subjects } from "./stand.ts";

const hearing = subjects.filter(({ media }) => "audio" in media);

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(async () => {
  await expectStanding(stand, hearing);
  await stand[Symbol.asyncDispose]();
});

function file(bytes: Uint8Array, filename = "sound", contentType = "application/octet-stream"): MediaFile {
  return { bytes, filename, contentType };
}

/** Two seconds of a tone. */
function spoken(form: WavForm): Uint8Array {
  const { rate, channels = 1 } = form;
  const samples = Float32Array.from(
    { length: 2 * rate * channels },
    (_, i) => 0.4 * Math.sin(Math.floor(i / channels)),
  );
  return wavOf(samples, form);
}

const tone = floatWav(sweep({ seconds: 2, hertz: 300 }));

/** Unusual but fine. */
const odd: Readonly<Record<string, MediaFile>> = {
  "one channel in 8 bits": file(spoken({ rate: 8000, bits: 8 })),
  "two channels in 24 bits": file(spoken({ rate: 44_100, bits: 24, channels: 2 })),
  "six channels": file(spoken({ rate: 48_000, channels: 6 })),
  "studio rate": file(spoken({ rate: 192_000, bits: 32 })),
  silence: file(floatWav(new Float32Array(32_000))),
  "noise louder than it can be played": file(floatWav(Float32Array.from({ length: 32_000 }, (_, i) => (i % 2) * 1e30))),
  "samples without end": file(floatWav(new Float32Array(32_000).fill(Number.POSITIVE_INFINITY))),
  "a WAV that is called a film": file(tone, "a.mp4", "video/mp4"),
  "a WAV that is called a picture": file(tone, "a.png", "image/png"),
  "exactly a second": file(floatWav(new Float32Array(16_000))),
  "a cut end": file(tone.subarray(0, 44 + 4 * 20_001)),
};

/** A WAV with some bytes of its header changed. */
function changed(at: number, value: number, bytes = 4): Uint8Array {
  const copy = Buffer.from(spoken({ rate: 16_000 }));
  copy.writeUIntLE(value, at, bytes);
  return copy;
}

const wrong: Readonly<Record<string, Uint8Array>> = {
  "nothing at all": new Uint8Array(),
  "a text": new TextEncoder().encode("RIFF, said the mole"),
  "a picture": Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "latin1"),
  "a header without samples": floatWav(new Float32Array()),
  "half a second": floatWav(new Float32Array(8000)),
  "a header cut in the middle": tone.subarray(0, 30),
  "no channels": changed(22, 0, 2),
  "65,535 channels": changed(22, 65_535, 2),
  "no samples a second": changed(24, 0),
  "four billion samples a second": changed(24, 2 ** 32 - 1),
  "samples of no bits": changed(34, 0, 2),
  "samples that are no numbers": floatWav(new Float32Array(32_000).fill(Number.NaN)),
  "an MP3 of rubbish": Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x44]), Buffer.alloc(60_000, 0x5a)]),
  "an Ogg that ends at once": Buffer.from(`OggS\0\x02${"\0".repeat(20)}\x01\x13OpusHead`, "latin1"),
  "a film without sound": Buffer.from("\0\0\0\x18ftypisom\0\0\0\0isommp42", "latin1"),
};

describe.each(hearing.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
  test.each(Object.entries(odd))("hears %s", async (_what, audio) => {
    expect(await judged(await ask(stand, pipeline, { media: { audio } }), pipeline, "audio")).toBe("done");
  });

  test.each(Object.entries(wrong))("refuses %s by name", async (_what, bytes) => {
    const answer = await ask(stand, pipeline, { media: { audio: file(bytes) } });
    expect(await judged(answer, pipeline, "audio")).toBe("refused");
    expect(answer.code).toMatch(/^request\.(?:media-un|invalid)/);
  });

  test("refuses a file that is larger than any may be", async () => {
    const answer = await ask(stand, pipeline, { media: { audio: file(new Uint8Array(51 * 2 ** 20)) } });
    expect([answer.status, answer.code]).toEqual([413, "request.too-large"]);
  });

  test("hears three hours a window at a time, and stops when nobody listens any more", async () => {
    const hours = wavOf(new Float32Array(3 * 3600 * 1000), { rate: 1000, bits: 8 });
    const job = stand.runner.prepare(pipeline, { ...pipeline.example }, { audio: file(hours) });
    const controller = new AbortController();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let steps = 0;
    const running = stand.runner.run(job, {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind !== "step") return;
        expect(event.of).toBeGreaterThan(300);
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        steps = event.step;
        if (steps === 8) controller.abort(new RivuletError("request.cancelled", {}));
      },
    });
    await expect(running).rejects.toSatisfy((error) => isError(error, "request.cancelled"));
    expect(steps).toBeLessThanOrEqual(9);
    // The whole would be 700 MB.
    expect(most).toBeLessThan(300e6);
  });
});
