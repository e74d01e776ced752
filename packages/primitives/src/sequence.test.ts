import { expect, test } from "vitest";
import { Sequence } from "./sequence.ts";

function part(name: string, story: string[], failing?: "start" | "stop") {
  const step = (what: "start" | "stop") => async () => {
    story.push(`${what} ${name}`);
    if (failing === what) throw new Error(`${name} does not ${what}`);
  };
  return { start: step("start"), stop: step("stop") };
}

test("parts start in order and stop in the opposite order, once", async () => {
  const story: string[] = [];
  const sequence = new Sequence([part("a", story), part("b", story)]);
  await sequence.start();
  await Promise.all([sequence.stop(), sequence.stop()]);
  expect(story).toEqual(["start a", "start b", "stop b", "stop a"]);
});

test("what has begun to start is stopped, also when it failed", async () => {
  const story: string[] = [];
  const sequence = new Sequence([part("a", story), part("b", story, "start"), part("c", story)]);
  await expect(sequence.start()).rejects.toThrow("b does not start");
  await sequence.stop();
  expect(story).toEqual(["start a", "start b", "stop b", "stop a"]);
});

test("one that fails to stop does not keep the others from it", async () => {
  const story: string[] = [];
  const sequence = new Sequence([part("a", story), part("b", story, "stop")]);
  await sequence.start();
  await expect(sequence.stop()).rejects.toThrow("b does not stop");
  expect(story.at(-1)).toBe("stop a");
});

test("nothing starts any more once it is told to stop", async () => {
  const story: string[] = [];
  const sequence: Sequence = new Sequence([{ start: () => sequence.stop(), stop: async () => {} }, part("b", story)]);
  await sequence.start();
  expect(story).toEqual([]);
});
