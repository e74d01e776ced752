import { expect, test } from "vitest";
import { BodyBudget } from "./body-budget.ts";

test("bodies together stay within the budget, and one alone always fits", () => {
  const budget = new BodyBudget(100);
  {
    using _large = budget.take(150);
    expect(() => budget.take(1)).toThrow(expect.objectContaining({ code: "node.overloaded" }));
  }
  using _first = budget.take(60);
  using _second = budget.take(40);
  expect(() => budget.take(1)).toThrow(expect.objectContaining({ code: "node.overloaded" }));
  expect(budget.taken).toBe(100);
});

test("room comes back", () => {
  const budget = new BodyBudget(100);
  for (let i = 0; i < 10; i += 1) {
    using _room = budget.take(100);
    expect(budget.taken).toBe(100);
  }
  expect(budget.taken).toBe(0);
});
