import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogMel, type LogMelSettings } from "./log-mel.ts";

/** The same, step by step as it is defined, in double precision and with every sum written out. */
function plainly(samples: Float32Array, settings: LogMelSettings): readonly number[] {
  const { rate, seconds, width, hop, bands } = settings;
  const length = rate * seconds;
  const at = (i: number) => samples[i < 0 ? -i : i >= length ? 2 * length - 2 - i : i] ?? 0;
  const bins = Array.from({ length: width / 2 + 1 }, (_, bin) => bin);
  const powers = Array.from({ length: Math.floor(length / hop) }, (_, frame) =>
    bins.map((bin) => {
      let [re, im] = [0, 0];
      for (let i = 0; i < width; i++) {
        const value = at(frame * hop + i - width / 2) * Math.sin((Math.PI * i) / width) ** 2;
        re += value * Math.cos((2 * Math.PI * bin * i) / width);
        im += value * Math.sin((2 * Math.PI * bin * i) / width);
      }
      return re * re + im * im;
    }),
  );
  const mel = (hertz: number) =>
    hertz < 1000 ? (hertz * 3) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4);
  const hertz = (value: number) => (value < 15 ? (value * 200) / 3 : 1000 * 6.4 ** ((value - 15) / 27));
  const edge = (band: number) => hertz((mel(8000) * band) / (bands + 1));
  const logs = Array.from({ length: bands }, (_, band) =>
    powers.map((frame) => {
      const sum = frame.reduce((total, power, bin) => {
        const here = (bin * rate) / width;
        const rise = (here - edge(band)) / (edge(band + 1) - edge(band));
        const fall = (edge(band + 2) - here) / (edge(band + 2) - edge(band + 1));
        return total + (Math.max(0, Math.min(rise, fall)) * 2 * power) / (edge(band + 2) - edge(band));
      }, 0);
      return Math.log10(Math.max(sum, 1e-10));
    }),
  ).flat();
  const most = logs.reduce((a, b) => Math.max(a, b));
  return logs.map((log) => (Math.max(log, most - 8) + 4) / 4);
}

/** Small enough for the plain way. */
const SMALL: LogMelSettings = { rate: 1600, seconds: 1, width: 80, hop: 32, bands: 9 };

describe("a spectrogram", () => {
  test("is what its definition says, of sound of any length", () => {
    const sounds = fc
      .tuple(
        fc.integer({ min: 0, max: 1700 }),
        fc.double({ min: 1e-4, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 99 }),
      )
      .map(([count, loud, seed]) =>
        Float32Array.from({ length: count }, (_, i) => loud * Math.sin(seed * i * i * 1e-3)),
      );
    const mel = new LogMel(SMALL);
    fc.assert(
      fc.property(sounds, (samples) => {
        const [ours, plain] = [mel.of(samples), plainly(samples, SMALL)];
        expect(ours).toHaveLength(plain.length);
        for (const [i, value] of plain.entries()) expect(Math.abs((ours[i] ?? 9) - value)).toBeLessThan(1e-6);
      }),
      {
        numRuns: 30,
        examples: [[new Float32Array(0)], [new Float32Array(1600).fill(0.5)], [new Float32Array(1599).fill(-1)]],
      },
    );
  });

  test("of silence is the same everywhere", () => {
    expect(new Set(new LogMel(SMALL).of(new Float32Array(500)))).toEqual(new Set([-1.5]));
  });

  test("hears nothing of what comes after it", () => {
    const samples = Float32Array.from({ length: 3000 }, (_, i) => Math.sin(i));
    expect(new LogMel(SMALL).of(samples)).toEqual(new LogMel(SMALL).of(samples.subarray(0, 1600)));
  });
});
