import { textToSpeech } from "@rivulet/pipelines";
import { describe, expect, test } from "vitest";
import { chosenVoice, mannerOf } from "./voice.ts";

describe("the manner of a description", () => {
  test("is a man's at the model's own speed when nobody describes another", () => {
    const { description } = textToSpeech.request.parse({ text: "a" });
    expect(mannerOf(description)).toEqual({ gender: "male", speed: 1 });
    expect(mannerOf("")).toEqual({ gender: "male", speed: 1 });
  });

  test("has the gender of a speaker it names, whatever else it says", () => {
    expect(mannerOf("Laura speaks like a man.")).toEqual({ name: "Laura", gender: "female", speed: 1 });
    expect(mannerOf("Jon's voice")).toMatchObject({ name: "Jon", gender: "male" });
    expect(mannerOf("laura")).toMatchObject({ gender: "male" });
  });

  test.each([
    ["A woman speaks", "female"],
    ["a Girl", "female"],
    ["a male voice", "male"],
    ["A female speaker, not a man", "female"],
  ])("hears in %j who speaks", (text, gender) => {
    expect(mannerOf(text).gender).toBe(gender);
  });

  test.each([
    ["speaks very slowly", 0.7],
    ["a slow voice", 0.85],
    ["at a moderate speed", 1],
    ["slightly fast", 1.1],
    ["fast", 1.25],
    ["very fast, and not slow", 1.4],
  ])("hears in %j how fast", (text, speed) => {
    expect(mannerOf(text).speed).toBe(speed);
  });
});

test("a name is always the same voice of a model, and names differ", () => {
  const voices = Array.from({ length: 10 }, (_, index) => index);
  const of = (text: string) => chosenVoice(voices, mannerOf(text));
  expect(of("Laura, slowly")).toBe(of("Laura"));
  expect(new Set(["Laura", "Lea", "Karen", "Gary", "Rick", "Will"].map(of)).size).toBeGreaterThan(2);
  expect(chosenVoice([], mannerOf("Laura"))).toBeUndefined();
});
