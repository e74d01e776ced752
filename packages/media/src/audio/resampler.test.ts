import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Resampler } from "./resampler.ts";

const tone = (hertz: number, rate: number, seconds = 0.5) =>
  Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));

/** How loud a tone is against the one that was played, and all else beside it, in decibels. Both ends are left out. */
function heard(sound: Float32Array, hertz: number, rate: number) {
  const middle = sound.subarray(sound.length / 4, (sound.length * 3) / 4);
  let [sin, cos, power] = [0, 0, 0];
  middle.forEach((value, i) => {
    // A window, so that a tone is one frequency.
    const angle = (2 * Math.PI * hertz * i) / rate;
    const weight = (2 * Math.sin((Math.PI * i) / middle.length) ** 2 * 2) / middle.length;
    sin += value * Math.sin(angle) * weight;
    cos += value * Math.cos(angle) * weight;
  });
  middle.forEach((value, i) => {
    const angle = (2 * Math.PI * hertz * i) / rate;
    power += (value - sin * Math.sin(angle) - cos * Math.cos(angle)) ** 2 / middle.length;
  });
  const decibels = (share: number) => 20 * Math.log10(share + 1e-9);
  return { tone: decibels(Math.hypot(sin, cos) / 0.5), rest: decibels(Math.sqrt(2 * power) / 0.5) };
}

const RATES = [
  [16_000, 44_100],
  [22_050, 44_100],
  [24_000, 44_100],
  [8000, 16_000],
  [44_100, 16_000],
  [48_000, 16_000],
  [192_000, 16_000],
] as const;

describe.each(RATES)("from %i to %i samples a second", (from, to) => {
  const highest = Math.min(from, to) / 2;

  test.each([0.05, 0.3, 0.6, 0.84])(
    "a tone at %d of the band is as loud as it was, and nothing comes along",
    (share) => {
      const { tone: level, rest } = heard(
        new Resampler(from, to).end(tone(share * highest, from)),
        share * highest,
        to,
      );
      expect(Math.abs(level)).toBeLessThan(0.01);
      expect(rest).toBeLessThan(-75);
    },
  );
});

const falling = RATES.filter(([from, to]) => from > to);
test.each(falling)("from %i to %i samples a second, a tone beyond the band is not heard", (from, to) => {
  const sound = new Resampler(from, to).end(tone(0.55 * to, from));
  const loudest = sound.subarray(2000, -2000).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(20 * Math.log10(loudest / 0.5)).toBeLessThan(-75);
});

test("however it comes, sound is the same, and as long as it was", () => {
  const rates = fc.constantFrom(8000, 11_025, 16_000, 22_050, 44_100, 48_000);
  const sizes = fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(rates, rates, sizes, (from, to, lengths) => {
      const count = lengths.reduce((sum, length) => sum + length, 0);
      const samples = Float32Array.from({ length: count }, (_, i) => Math.sin(i * i * 1e-4));
      const resampler = new Resampler(from, to);
      let at = 0;
      const pieces = lengths.map((length) => resampler.push(samples.subarray(at, (at += length))));
      const whole = [...pieces, resampler.end()].flatMap((piece) => [...piece]);
      expect(whole).toEqual([...new Resampler(from, to).end(samples)]);
      expect(whole).toHaveLength(Math.ceil((count * to) / from));
    }),
  );
});
