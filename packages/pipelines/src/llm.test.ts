import { expect, test } from "vitest";
import { llm } from "./llm.ts";

test("what runners write as null is left out of answers, as published clients take null for nothing they know", () => {
  const message = { role: "assistant", content: "Hello." };
  const head = { id: "a", model: "m", created: 1, usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } };
  const answer = { ...head, choices: [{ index: 0, finish_reason: null, delta: null, message }] };
  expect(JSON.parse(JSON.stringify(llm.response.parse(answer)))).toEqual({ ...head, choices: [{ index: 0, message }] });
});
