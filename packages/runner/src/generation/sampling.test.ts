import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Sampler, type Sampling } from "./sampling.ts";

const all = { temperature: 1, topK: -1, topP: 1 };
const logits = Float32Array.of(0, 3, 1, 2);

const chooseToken = (logits: Float32Array, sampling: Sampling, uniform: () => number) =>
  new Sampler(sampling, uniform).choose(logits);

/** How often each token is chosen at evenly spread chances. */
function shares(sampling: typeof all, draws = 1000): readonly number[] {
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < draws; i++) {
    const id = chooseToken(logits, sampling, () => (i + 0.5) / draws);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

describe("choosing a token", () => {
  test("takes the likeliest at temperature 0, the first of equals", () => {
    expect(chooseToken(logits, { ...all, temperature: 0 }, () => 0.99)).toBe(1);
    expect(chooseToken(Float32Array.of(2, 2), { ...all, temperature: 0 }, () => 0.99)).toBe(0);
  });

  test("follows the probabilities", () => {
    const raised = Array.from(logits, Math.exp);
    const sum = raised.reduce((a, b) => a + b, 0);
    for (const [id, share] of shares(all).entries()) expect(share).toBeCloseTo((raised[id] ?? 0) / sum, 2);
  });

  test("is the same whether it sorts or not, as far as nothing is left out", () => {
    for (const [id, share] of shares({ ...all, topK: 3 }).entries())
      if (id === 0) expect(share).toBe(0);
      else expect(share).toBeGreaterThan(0);
    const most = shares({ ...all, topP: 0.999999 });
    for (const [id, share] of shares(all).entries()) expect(most[id]).toBeCloseTo(share, 2);
  });

  test("keeps the fewest that make up top_p, and at least one", () => {
    expect(shares({ ...all, topP: 0 })).toEqual([0, 1, 0, 0]);
    const two = shares({ ...all, topP: 0.7 });
    expect(two[0]).toBe(0);
    expect(two[2]).toBe(0);
    expect(two[1]).toBeCloseTo(Math.E / (1 + Math.E), 2);
  });

  test("is less sure when it is hotter", () => {
    const [cold, hot] = [shares({ ...all, temperature: 0.5 }), shares({ ...all, temperature: 2 })];
    expect(cold[1]).toBeGreaterThan(hot[1] ?? 1);
  });

  test("always answers with a token of the vocabulary", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -50, max: 50 }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.float({ min: 0, max: 2, noNaN: true }),
        fc.integer({ min: -1, max: 30 }),
        fc.float({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (values, temperature, topK, topP, chance) => {
          const id = chooseToken(Float32Array.from(values), { temperature, topK, topP }, () => chance);
          return Number.isInteger(id) && id >= 0 && id < values.length;
        },
      ),
    );
  });
});
