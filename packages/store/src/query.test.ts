import { expect, test } from "vitest";
import { prepared, query } from "./query.ts";

test("a prepared query is the same text with the values of each use, where they belong", () => {
  const price = prepared(({ side, id }: { readonly side: string; readonly id: string }) =>
    query
      .selectFrom("accounts")
      .select("fixed_price")
      .where("id", "=", id)
      .where("tickets", "<>", "0")
      .where("side", "=", side),
  );
  const [one, other] = [price({ side: "payer", id: "a" }).compile(), price({ side: "payee", id: "b" }).compile()];
  expect(one.sql).toBe(other.sql);
  expect(one.parameters).toEqual(["a", "0", "payer"]);
  expect(other.parameters).toEqual(["b", "0", "payee"]);
});
