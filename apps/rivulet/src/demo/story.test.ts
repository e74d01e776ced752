import type { LocalOrchestrator } from "@rivulet/node";
import { invariant } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { demonstrations } from "./demonstration.ts";
import { shortStory, story, wasWarm } from "./story.ts";

const orchestrators: readonly LocalOrchestrator[] = [
  { name: "A", address: "https://a", how: "a runner on its own machine" },
  { name: "B", address: "https://b", how: "a worker does its jobs" },
];
const answer = {
  requestId: "r",
  orchestrator: "https://b",
  timings: { selection: 0.2, queue: 0, load: 1234, inference: 800, transfer: 12 },
  seed: 7,
  files: [],
  tookMs: 2046,
};
const seen = (orchestrator: string, isWarm: boolean, state = "free", score = 0) => ({
  orchestrator,
  isWarm,
  state,
  score,
});

const saved = [{ kind: "picture", name: "7.png", path: "/pictures/7.png", contentType: "image/png" }] as const;

function facts(considered: ReturnType<typeof seen>[], why: string, tries: number) {
  const attempts = Array.from({ length: tries }, () => ({ orchestrator: "https://b", isWarm: true, why }));
  const [demonstration] = demonstrations;
  invariant(demonstration !== undefined, "something is shown");
  return { demonstration, orchestrators, job: { requestId: "r", considered, attempts }, answer, saved };
}

function told(considered: ReturnType<typeof seen>[], why: string, tries = 1): string {
  return story(facts(considered, why, tries)).join("\n");
}

test("the story names who was found, in what state, who was chosen and why, and where the time went", () => {
  const text = told([seen("https://b", false), seen("https://a", false, "full")], "cold-none-warm");
  for (const part of [
    "orchestrators A (cold, full), B (cold, free)",
    "orchestrator B: nobody had the model in memory",
    "a worker does its jobs",
    "loading 1.2 s",
    "inference 800 ms",
    "seed       7",
    "7.png",
  ])
    expect(text).toContain(part);
});

test("the reason follows from what the gateway saw", () => {
  expect(told([seen("https://b", true), seen("https://a", false)], "warm")).toContain("the only free one");
  expect(told([seen("https://b", true), seen("https://a", true)], "warm")).toContain("none has a record yet");
  expect(told([seen("https://b", true, "free", 0.5), seen("https://a", true)], "warm")).toContain("the best record");
  expect(told([seen("https://a", true, "full"), seen("https://b", false)], "cold-warm-full")).toContain("were full");
  expect(told([seen("https://b", true)], "warm", 3)).toContain("after 2 that failed");
});

test("the short story tells what was asked, what it took and what came of it", () => {
  const lines = shortStory(facts([seen("https://b", true)], "warm", 1));
  expect(lines).toHaveLength(4);
  expect(lines[0]).toContain("a large red circle");
  expect(lines[1]).toMatch(/at orchestrator B: .*loading 1.2 s/);
  expect(lines[3]).toContain("7.png");
});

test("what was paid is told in numbers that people read", () => {
  const balances = { deposit: 10n ** 18n, reserve: 0n, fees: { A: 0n, B: 0n } };
  const payment = {
    price: "481605471/100",
    units: 65_536n,
    fee: "31562496147456/100",
    tickets: 1,
    expectedValue: "100000000000000",
    redeemed: [],
    before: balances,
    after: { ...balances, deposit: 999_899_999_999_999_999n },
  };
  const text = story({ ...facts([seen("https://b", true)], "warm", 1), payment: payment as never }).join("\n");
  expect(text).toContain("315.62 gwei, 65536 pixels at 4,816,054.71 wei, with one ticket worth 0.0001 ETH on average");
  expect(text).toContain("deposit    1 ETH before, 0.9999 ETH after");
});

test("a job whose model was loaded for it was not warm", () => {
  expect(wasWarm(answer)).toBe(false);
  expect(wasWarm({ ...answer, timings: {} })).toBe(true);
});
