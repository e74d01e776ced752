import { describe, expect, test } from "vitest";
import { encodeWav, resampleAudio } from "./audio-out.ts";
import { probeAudio } from "./probe.ts";

const tone = (hertz: number, rate: number, seconds: number) =>
  Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));

describe("speech as a file", () => {
  test("is a WAV file of one channel of 16-bit samples, as long as it is", () => {
    const wav = Buffer.from(encodeWav(Float32Array.of(0, 1, -1, 0.5, 2, -3), 44_100));
    expect(wav.subarray(0, 4).toString()).toBe("RIFF");
    expect([wav.readUInt16LE(20), wav.readUInt16LE(22), wav.readUInt32LE(24), wav.readUInt16LE(34)]).toEqual([
      1, 1, 44_100, 16,
    ]);
    expect(Array.from({ length: 6 }, (_, i) => wav.readInt16LE(44 + 2 * i))).toEqual([
      0, 32_767, -32_767, 16_384, 32_767, -32_767,
    ]);
    expect(probeAudio(encodeWav(new Float32Array(44_100), 44_100))).toMatchObject({ durationSeconds: 1 });
  });

  test.each([16_000, 22_050, 24_000, 44_100])("sounds the same from %i samples a second", (rate) => {
    const sound = resampleAudio(tone(1000, rate, 1), rate, 44_100);
    expect(Math.abs(sound.length - 44_100)).toBeLessThanOrEqual(1);
    const wanted = tone(1000, 44_100, 1);
    // At the ends there is silence on one side.
    for (let i = 500; i < 43_600; i += 7) expect(Math.abs((sound[i] ?? 9) - (wanted[i] ?? 0))).toBeLessThan(1e-3);
  });
});
