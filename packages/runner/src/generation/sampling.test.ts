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

/** How likely each token is, worked out by sorting all of them; none where rounding decides how many are kept. */
function plainOdds(values: readonly number[], { temperature, topK, topP }: Sampling): readonly number[] | undefined {
  const order = [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
  const few = topK < 1 ? order : order.slice(0, topK);
  const raised = few.map((id) => Math.exp(((values[id] ?? 0) - Math.max(...values)) / temperature));
  const sum = raised.reduce((a, b) => a + b, 0);
  let [sumKept, count] = [0, 0];
  while (count < few.length && (count === 0 || sumKept / sum < topP)) sumKept += raised[count++] ?? 0;
  const before = sumKept - (raised[count - 1] ?? 0);
  if (topP < 1 && [before, sumKept].some((each) => Math.abs(each / sum - topP) < 1e-9)) return undefined;
  const odds = values.map(() => 0);
  for (const [place, id] of few.slice(0, count).entries()) odds[id] = (raised[place] ?? 0) / sumKept;
  return odds;
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

  test("chooses as if all were sorted, each token as often as it is likely", () => {
    const logit = fc.integer({ min: -300, max: 300 }).map((value) => value / 8);
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0.05, max: 2, noNaN: true }),
        fc.integer({ min: -1, max: 70 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, temperature, topK, topP) => {
          const odds = plainOdds(values, { temperature, topK, topP });
          fc.pre(odds !== undefined);
          let before = 0;
          for (const [id, share] of odds.entries()) {
            // What is less likely than chance is fine is not asked for.
            if (share > 1e-9) {
              const chance = before + share / 2;
              expect(chooseToken(Float32Array.from(values), { temperature, topK, topP }, () => chance)).toBe(id);
            }
            before += share;
          }
        },
      ),
    );
  });

  test("finds the few of a whole vocabulary", () => {
    const many = Float32Array.from({ length: 150_000 }, (_, id) => Math.fround(((id * 7919) % 150_000) / 1000));
    const best = many.indexOf(Math.fround(149.999));
    for (const sampling of [
      { ...all, topK: 1 },
      { ...all, topP: 0.0001 },
    ])
      expect(chooseToken(many, sampling, () => 0.999)).toBe(best);
    const drawnIds = Array.from({ length: 50 }, (_, i) =>
      chooseToken(many, { temperature: 2, topK: 40, topP: 1 }, () => (i + 0.5) / 50),
    );
    for (const id of drawnIds) expect(many[id]).toBeGreaterThan(149.959);
    expect(new Set(drawnIds).size).toBeGreaterThan(20);
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
