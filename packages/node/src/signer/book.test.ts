import { STATE_LIFETIME } from "@rivulet/payments";
import { minutes, ms, wei } from "@rivulet/primitives";
import { MemorySettings } from "@rivulet/store";
import { beforeEach, describe, expect, test } from "vitest";
import { StoredSignerBook } from "./book.ts";

const NOW = ms(1_700_000_000_000);
const step = (stateId: string, sequence: number, about: { caller?: string; at?: number; amount?: bigint } = {}) => ({
  stateId,
  sequence,
  caller: about.caller ?? "",
  amount: wei(about.amount ?? 1n),
  at: ms(about.at ?? NOW),
});

let settings: MemorySettings;
let book: StoredSignerBook;
beforeEach(() => {
  settings = new MemorySettings();
  book = new StoredSignerBook(settings);
});

describe("a session", () => {
  test("takes each step once, also after a restart and of two at the same time", async () => {
    await book.step(step("a", 0));
    const both = await Promise.allSettled([book.step(step("a", 1)), book.step(step("a", 1))]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const restarted = new StoredSignerBook(settings);
    for (const sequence of [0, 1])
      await expect(restarted.step(step("a", sequence))).rejects.toMatchObject({ code: "signer.state-replayed" });
    await restarted.step(step("a", 2));
  });

  test("that nobody began here is refused", async () => {
    await expect(book.step(step("a", 1))).rejects.toMatchObject({ code: "signer.state-replayed" });
  });

  test("is forgotten, on disk too, when its states are too old to be taken", async () => {
    for (const name of ["a", "b", "c"]) await book.step(step(name, 0));
    await book.step(step("c", 1, { at: NOW + 1000 }));
    await new StoredSignerBook(settings).step(step("d", 0, { at: NOW + STATE_LIFETIME + 1 }));
    expect([...(await settings.startingWith("signer.mark.")).keys()].sort()).toEqual([
      "signer.mark.c",
      "signer.mark.d",
    ]);
  });

  test("beyond the most that are remembered has to wait", async () => {
    const small = new StoredSignerBook(settings, 2);
    await small.step(step("a", 0));
    await small.step(step("b", 0));
    await expect(small.step(step("c", 0))).rejects.toMatchObject({ code: "node.overloaded" });
    await small.step(step("b", 1));
  });
});

describe("a budget", () => {
  const budget = { amount: wei(10n), period: minutes(60) };

  test("is each caller's own, begins anew after its period, and survives a restart", async () => {
    await book.step(step("a", 0, { caller: "x", amount: 10n }), budget);
    const restarted = new StoredSignerBook(settings);
    await expect(restarted.step(step("a", 1, { caller: "x" }), budget)).rejects.toMatchObject({
      code: "signer.budget-exhausted",
    });
    await restarted.step(step("b", 0, { caller: "y", amount: 10n }), budget);
    await restarted.step(step("a", 1, { caller: "x", at: NOW + minutes(60) }), budget);
  });

  test("that is refused uses up nothing", async () => {
    await expect(book.step(step("a", 0, { amount: 11n }), budget)).rejects.toMatchObject({
      code: "signer.budget-exhausted",
    });
    await book.step(step("a", 0, { amount: 10n }), budget);
  });
});
