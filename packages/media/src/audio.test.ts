import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isError } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { av, CODECS, encoded, tone, type WavForm, wavOf } from "../test/encoded-audio.ts";
import { decodeWithProgram } from "./audio/decoder-process.ts";
import { type AudioDecodeOptions, DECODED_AUDIO_RATE, decodeAudio } from "./audio.ts";
import { probeAudio } from "./probe.ts";

const never = new AbortController().signal;

async function whole(bytes: Uint8Array, options: Partial<AudioDecodeOptions> = {}): Promise<Float32Array> {
  const blocks: number[] = [];
  for await (const block of decodeAudio(bytes, { signal: never, ...options }))
    for (const value of block) blocks.push(value);
  return Float32Array.from(blocks);
}

/** The loudness of a tone in a sound, and of everything else in it, beginning and end left out. */
function heard(sound: Float32Array, hertz: number): { readonly tone: number; readonly rest: number } {
  const middle = sound.subarray(sound.length / 4, (sound.length * 3) / 4);
  let [sin, cos, power] = [0, 0, 0];
  middle.forEach((value, i) => {
    const angle = (2 * Math.PI * hertz * i) / DECODED_AUDIO_RATE;
    sin += (value * Math.sin(angle) * 2) / middle.length;
    cos += (value * Math.cos(angle) * 2) / middle.length;
    power += (value * value * 2) / middle.length;
  });
  const found = Math.hypot(sin, cos);
  return { tone: found, rest: Math.sqrt(Math.max(0, power - found * found)) };
}

const forms: readonly WavForm[] = [
  { rate: 16_000 },
  { rate: 8000, bits: 8 },
  { rate: 44_100, channels: 2 },
  { rate: 48_000, bits: 24, channels: 6, mask: 0x3f },
  { rate: 22_050, bits: 32 },
  { rate: 96_000, bits: 32, isFloat: true },
  { rate: 11_025, bits: 64, isFloat: true },
  { rate: 44_101, channels: 3 },
  { rate: 12_000, channels: 11 },
];

describe("a WAV file", () => {
  test.each(forms)("of $rate Hz, $bits bits, $channels channels is heard as it was", async (form) => {
    const { rate, channels = 1, bits = 16 } = form;
    const sound = await whole(wavOf(tone(2, rate, { channels }), form));
    expect(Math.abs(sound.length - 2 * DECODED_AUDIO_RATE)).toBeLessThanOrEqual(1);
    const { tone: found, rest } = heard(sound, 440);
    expect(found).toBeCloseTo(0.5, 2);
    expect(rest).toBeLessThan(bits === 8 ? 0.01 : 0.002);
  });

  test("loses what its new rate cannot hold", async () => {
    const sound = await whole(wavOf(tone(2, 44_100, { hertz: 9000 }), { rate: 44_100 }));
    // A tone that begins at once is heard as a click, so the middle tells.
    expect(sound.subarray(8000, 24_000).reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeLessThan(
      0.001,
    );
  });

  test("that was cut is heard as far as it goes", async () => {
    const file = wavOf(tone(2, 16_000), { rate: 16_000 });
    expect((await whole(file.subarray(0, 44 + 16_001))).length).toBe(8000);
  });

  test("whose recorder never came to write its length is heard to its end", async () => {
    const file = wavOf(tone(2, 16_000), { rate: 16_000 });
    for (const [at, size] of [
      [4, 36],
      [4, 0],
      [40, 0],
    ] as const)
      Buffer.from(file.buffer).writeUInt32LE(size, at);
    expect((await whole(file)).length).toBe(32_000);
  });

  test("of three hours is never in memory as a whole", async () => {
    // 16-bit silence at a rate so low that the file stays small.
    const file = wavOf(new Float32Array(3 * 3600 * 1000), { rate: 1000, bits: 8 });
    let [samples, largest] = [0, 0];
    for await (const block of decodeAudio(file, { signal: never })) {
      samples += block.length;
      largest = Math.max(largest, block.length);
      if (samples > 600 * DECODED_AUDIO_RATE) break; // ten minutes show it
    }
    expect(largest).toBeLessThanOrEqual(DECODED_AUDIO_RATE * 1.1);
  });

  test("without samples is refused", async () => {
    await expect(whole(wavOf([], { rate: 16_000 }))).rejects.toSatisfy(refused("request.media-undecodable"));
  });

  test("of any content is read or refused", async () => {
    const file = wavOf(tone(0.01, 8000), { rate: 8000 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 8 }), async (changes) => {
        const bytes = Uint8Array.from(file);
        for (const [at, value] of changes) bytes[at] = value;
        await whole(bytes, { decoders: [] }).catch((error) => {
          if (!isError(error, "request.media-undecodable") && !isError(error, "request.media-unsupported")) throw error;
        });
      }),
    );
  });
});

describe.skipIf(av === undefined)("what people send", () => {
  const kinds = Object.keys(CODECS) as (keyof typeof CODECS)[];
  /** Where it is not one and six. */
  const CHANNELS: { readonly [K in keyof typeof CODECS]?: readonly number[] } = { mp3: [2], adpcm: [1, 2] };

  test.each(kinds)("%s is heard as it was, with few channels or six", async (kind) => {
    for (const channels of CHANNELS[kind] ?? [1, 6]) {
      const form = { rate: 48_000, channels, ...(channels === 6 ? { mask: 0x3f } : {}) };
      const sound = await whole(await encoded(kind, wavOf(tone(2, 48_000, { channels }), form)));
      expect(sound.length / DECODED_AUDIO_RATE).toBeGreaterThan(1.8);
      expect(Math.abs(heard(sound, 440).tone - 0.5)).toBeLessThan(0.05);
    }
  });

  test("is known by its bytes, whatever it is called, and refused when it is none of them", async () => {
    const rubbish = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251);
    await expect(whole(rubbish)).rejects.toSatisfy(refused("request.media-unsupported"));
  });

  test.each(kinds)("%s of any damage is heard or refused, and harms nobody", async (kind) => {
    const file = await encoded(kind, wavOf(tone(1, 48_000), { rate: 48_000 }));
    for (const share of [0.02, 0.3, 0.7]) {
      const cut = file.subarray(0, Math.floor(file.length * share));
      const torn = Uint8Array.from(file, (value, i) =>
        i > file.length * share && i % 3 === 0 ? (value * 31) & 255 : value,
      );
      for (const bytes of [cut, torn]) await whole(bytes).catch(expectRefusal);
    }
  });

  test("a FLAC file that was cut is refused with both lengths", async () => {
    const file = await encoded("flac", wavOf(tone(4, 48_000), { rate: 48_000 }));
    await expect(whole(file.subarray(0, file.length / 2))).rejects.toSatisfy(refused("request.media-undecodable"));
  });

  test("a FLAC file that never learnt its length is heard to its end, as far as it goes", async () => {
    const file = await encoded("flac", wavOf(tone(4, 48_000), { rate: 48_000 }));
    const { length: known } = await whole(file);
    file[21] = (file[21] ?? 0) & 0xf0;
    file.fill(0, 22, 26);
    expect(probeAudio(file, "audio").durationSeconds).toBe(known / DECODED_AUDIO_RATE);
    expect((await whole(file)).length).toBe(known);
    const { length } = await whole(file.subarray(0, file.length / 2));
    expect(length / DECODED_AUDIO_RATE).toBeGreaterThan(1.5);
    expect(length / DECODED_AUDIO_RATE).toBeLessThan(2.5);
  });

  test("ends as soon as it is called off", async () => {
    const file = await encoded("flac", wavOf(tone(3, 48_000), { rate: 48_000 }));
    const controller = new AbortController();
    const blocks = decodeAudio(file, { signal: controller.signal });
    await blocks.next();
    const reason = new Error("called off");
    controller.abort(reason);
    await expect(blocks.next()).rejects.toBe(reason);
  });
});

describe("without the library", () => {
  const mp3 = Uint8Array.from({ length: 417 * 80 }, (_, i) => [0xff, 0xfb, 0x90, 0x44][i % 417] ?? 0);

  test("nothing but WAV is supported, and it says what is missing", async () => {
    const missing = decodeWithProgram("/nonexistent/ffmpeg");
    await expect(whole(mp3, { decoders: [missing] })).rejects.toSatisfy(
      (error) => isError(error, "request.media-unsupported") && /ffmpeg/.test(error.facts.reason),
    );
  });

  test("the program is asked", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ffmpeg-"));
    const program = join(folder, "ffmpeg");
    // Plays the part of the program: checks what it is asked for, answers with two seconds of silence.
    writeFileSync(
      program,
      '#!/bin/sh\ncase "$*" in *"-f mp3 -i "*"-ac 1 -ar 16000 -f s16le pipe:1") head -c 64000 /dev/zero ;; *) exit 1 ;; esac\n',
    );
    chmodSync(program, 0o755);
    try {
      expect((await whole(mp3, { decoders: [decodeWithProgram(program)] })).length).toBe(32_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function refused(code: "request.media-undecodable" | "request.media-unsupported") {
  return (error: unknown) => isError(error, code) && error.facts.field === "audio";
}

function expectRefusal(error: unknown): void {
  if (!isError(error, "request.media-undecodable") && !isError(error, "request.media-unsupported")) throw error;
  expect(error.facts.field).toBe("audio");
}
