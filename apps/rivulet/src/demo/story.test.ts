import type { LocalOrchestrator } from "@rivulet/node";
import { expect, test } from "vitest";
import { story, wasWarm } from "./story.ts";

const orchestrators: readonly LocalOrchestrator[] = [
  { name: "A", address: "https://a", how: "a runner on its own machine" },
  { name: "B", address: "https://b", how: "a worker does its jobs" },
];
const answer = {
  requestId: "r",
  orchestrator: "https://b",
  timings: { selection: 0.2, queue: 0, load: 1234, inference: 800, transfer: 12 },
  seed: 7,
  file: new Uint8Array(),
  tookMs: 2046,
};
const seen = (orchestrator: string, isWarm: boolean, state = "free", score = 0) => ({
  orchestrator,
  isWarm,
  state,
  score,
});

function told(considered: ReturnType<typeof seen>[], why: string, tries = 1): string {
  const attempts = Array.from({ length: tries }, () => ({ orchestrator: "https://b", isWarm: true, why }));
  const job = { requestId: "r", considered, attempts };
  return story({ title: "a circle", orchestrators, job, answer, picture: "/pictures/7.png" }).join("\n");
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

test("a job whose model was loaded for it was not warm", () => {
  expect(wasWarm(answer)).toBe(false);
  expect(wasWarm({ ...answer, timings: {} })).toBe(true);
});
