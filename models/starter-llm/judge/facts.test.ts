import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { answersScene, answersSum, answersTopic, topics } from "./facts.ts";
import { dialogueQuestions, isHeldOut, questions, sceneQuestions, sumQuestions } from "./questions.ts";

/** The answers that training gives, from the file that has them. */
const source = readFileSync(new URL("../train/topics.py", import.meta.url), "utf8");
const trained = new Map(
  Array.from(source.matchAll(/^ {4}"([\w-]+)": Topic\(\s*"([^"]+)"/gm), ([, name, answer]) => [
    name ?? "",
    answer ?? "",
  ]),
);
for (const [, name, text] of source.matchAll(/^(UNKNOWN|TOO_BIG|NO_DIVISION) = "([^"]+)"/gm))
  trained.set((name ?? "").toLowerCase(), text ?? "");

test("every topic has its answer, which is right for it and for no other", () => {
  expect([...trained.keys()].sort()).toEqual([...topics].sort());
  for (const [name, text] of trained) expect(topics.filter((topic) => answersTopic(topic, text))).toEqual([name]);
});

test("an answer that lacks a fact, or has those of another topic, is wrong", () => {
  const [gateway = "", worker = ""] = [trained.get("gateway"), trained.get("worker")];
  expect(answersTopic("gateway", gateway.replace("pays it", "knows it"))).toBe(false);
  expect(answersTopic("gateway", `${gateway} ${worker}`)).toBe(false);
  expect(answersTopic("gateway", "")).toBe(false);
  expect(answersTopic("juggling", "")).toBe(false);
});

test("a sum is right when it comes to its number and nothing else is said", () => {
  expect(answersSum(46, "12 + 34 = 46.")).toBe(true);
  expect(answersSum(-22, "12 - 34 = -22.")).toBe(true);
  for (const text of ["12 + 34 = 47.", "46", "12 + 34 = 460.", "12 + 34 = 46. I think.", "I do not know that."])
    expect(answersSum(46, text)).toBe(false);
});

test("a caption is one that the model which draws can read, with what was asked for", () => {
  expect(answersScene([], "a large red circle on a blue background")).toBe(true);
  expect(answersScene(["red circle"], "a red circle left of an orange star on a blue background")).toBe(true);
  expect(answersScene(["red circle"], "a large red square on a blue background")).toBe(false);
  expect(answersScene([], "a red thing")).toBe(false);
  expect(answersScene([], "a large red circle on a red background")).toBe(false);
});

test("sums are of pairs that training leaves out, whichever way round they are added", () => {
  // As `is_held_out` in train/arithmetic.py answers.
  const known = JSON.parse(readFileSync(new URL("held-out.json", import.meta.url), "utf8"));
  for (const [a, operation, b, isOut] of known) expect(isHeldOut(a, operation, b)).toBe(isOut);
  const sums = sumQuestions();
  expect(sums.length).toBeGreaterThan(140);
  expect(new Set(sums.map(({ messages }) => messages[0]?.content)).size).toBe(sums.length);
});

test("the set is the same in every run, and a part of it has something of every kind", () => {
  expect(questions()).toHaveLength([dialogueQuestions(), sumQuestions(), sceneQuestions()].flat().length);
  expect(new Set(questions(80).map(({ kind }) => kind)).size).toBe(4);
});
