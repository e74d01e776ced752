import { expect, test } from "vitest";
import { BodyBudget } from "./body-budget.ts";

const overloaded = expect.objectContaining({ code: "node.overloaded" });

test("bodies together stay within the budget, and one alone always fits", () => {
  const budget = new BodyBudget(100);
  {
    using large = budget.open();
    large.add(150);
    using other = budget.open();
    expect(() => other.add(1)).toThrow(overloaded);
  }
  using first = budget.open();
  using second = budget.open();
  first.add(60);
  second.add(40);
  expect(() => first.add(1)).toThrow(overloaded);
  expect(budget.taken).toBe(100);
});

test("only what has arrived takes room, and it comes back", () => {
  const budget = new BodyBudget(100);
  for (let i = 0; i < 10; i += 1) {
    using body = budget.open();
    expect(budget.taken).toBe(0);
    body.add(70);
    body.add(30);
    expect(budget.taken).toBe(100);
  }
  expect(budget.taken).toBe(0);
});
