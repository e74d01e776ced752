import { address } from "@rivulet/crypto";
import { isError, minutes, seconds, silentLogger } from "@rivulet/primitives";
import { TestClock, turn } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { PerformanceScores, parseScores } from "./performance-scores.ts";

const GOOD = address(`0x${"a1".repeat(20)}`);
const POOR = address(`0x${"b2".repeat(20)}`);
const scores = (good: number) =>
  JSON.stringify({
    [GOOD.toUpperCase().replace("0X", "0x")]: { FRA: { score: good, success_rate: 1 }, MDW: { score: 0.1 } },
    [POOR]: { MDW: { score: 0.9 } },
  });

test("scores count in their region alone, and what is no score is left out", () => {
  expect(parseScores(scores(0.97), "FRA")).toEqual(new Map([[GOOD, 0.97]]));
  expect(parseScores(scores(0.97), "MDW").get(POOR)).toBe(0.9);
  const strange = { [GOOD]: { FRA: { score: "1" } }, [POOR]: { FRA: { score: 2 } }, nobody: { FRA: { score: 1 } } };
  expect(parseScores(JSON.stringify(strange), "FRA").size).toBe(0);
  expect(parseScores(JSON.stringify({ [GOOD]: null }), "FRA").size).toBe(0);
  for (const text of ["", "[]", "null"]) {
    try {
      parseScores(text, "FRA");
      expect.unreachable();
    } catch (error) {
      expect(isError(error, "peer.protocol")).toBe(true);
    }
  }
});

test("scores are asked for every ten minutes, sooner after a failure, and the last good ones stay", async () => {
  const clock = new TestClock();
  const answers: (() => Response)[] = [];
  let asked = 0;
  const measured = new PerformanceScores(
    { url: "http://scores.example/all", region: "FRA" },
    {
      clock,
      log: silentLogger,
      fetch: async () => {
        asked += 1;
        return answers.shift()?.() ?? new Response("", { status: 500 });
      },
    },
  );
  const asleep = async () => {
    while (clock.sleeping === 0) await turn();
  };
  answers.push(
    () => new Response(scores(0.5)),
    () => new Response(new Uint8Array(5 * 1024 * 1024)),
    () => new Response(scores(0.75)),
  );
  expect(measured.of(GOOD)).toBeUndefined();
  await measured.start();
  await asleep();
  expect(measured.of(GOOD)).toBe(0.5);
  expect(measured.of(POOR)).toBeUndefined();
  await clock.advance(minutes(10));
  await asleep();
  expect([asked, measured.of(GOOD)]).toEqual([2, 0.5]);
  await clock.advance(seconds(30));
  await asleep();
  expect([asked, measured.of(GOOD)]).toEqual([3, 0.75]);
  await clock.advance(minutes(9));
  expect(asked).toBe(3);
  await measured.stop();
  expect(clock.sleeping).toBe(0);
});
