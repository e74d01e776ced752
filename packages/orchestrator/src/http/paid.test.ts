import { llm } from "@rivulet/pipelines";
import { Rational } from "@rivulet/primitives";
import { expect, test } from "vitest";
import type { Bill } from "../cashier.ts";
import type { JobStream } from "../executor.ts";
import { paidStream } from "./paid.ts";

const price = Rational.of(3n);
const charge = (units: bigint) => ({ units, price, cost: price.times(units) });

/** A bill over eight tokens of somebody who reads what it was charged. */
function billed(): Bill & { readonly settled: bigint[] } {
  const settled: bigint[] = [];
  return {
    whole: charge(8n),
    isByUse: true,
    settled,
    settle: async (units) => {
      settled.push(units);
      return charge(units);
    },
    [Symbol.dispose]() {},
  };
}

async function* twoTokens(): AsyncGenerator<string> {
  const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
  yield JSON.stringify({ id: "a", model: "m", created: 1, usage, choices: [{ index: 0, finish_reason: "stop" }] });
}

async function told(httpVersion: string) {
  const bill = billed();
  const stream: JobStream = { kind: "stream", events: twoTokens(), timings: {} };
  const { events, headers, trailers } = paidStream(stream, llm, bill, { httpVersion });
  for await (const _ of events);
  return { headers, trailers: await trailers?.(), settled: bill.settled };
}

test("what a stream came to is told after it", async () => {
  expect(await told("1.1")).toEqual({
    headers: { trailer: "x-units, x-price-wei, x-cost-wei" },
    trailers: { "x-units": "2", "x-price-wei": "3", "x-cost-wei": "6" },
    settled: [2n],
  });
});

test("whoever cannot be told after it pays for the whole, and is told before it", async () => {
  expect(await told("1.0")).toEqual({
    headers: { "x-units": "8", "x-price-wei": "3", "x-cost-wei": "24" },
    trailers: {},
    settled: [8n],
  });
});
