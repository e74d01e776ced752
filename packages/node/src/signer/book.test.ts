import { type SignerBook, STATE_LIFETIME } from "@rivulet/payments";
import { isError, ms, wei } from "@rivulet/primitives";
import { MemorySettings } from "@rivulet/store";
import { expect, test } from "vitest";
import { StoredSignerBook } from "./book.ts";

const NOW = ms(1_800_000_000_000);
const step = (sequence: number, amount = 1n, caller = "a", at = NOW) => ({
  stateId: "state",
  sequence,
  caller,
  amount: wei(amount),
  at,
});

async function codeOf(call: Promise<void>): Promise<string | undefined> {
  return await call.then(
    () => undefined,
    (error: unknown) => (isError(error) ? error.code : "not ours"),
  );
}

test("a step is taken once, also by a signer that was started anew", async () => {
  const settings = new MemorySettings();
  const first: SignerBook = new StoredSignerBook(settings);
  await first.step(step(0));
  await first.step(step(1));
  const second = new StoredSignerBook(settings);
  expect(await codeOf(second.step(step(1)))).toBe("signer.state-replayed");
  expect(await codeOf(second.step(step(0)))).toBe("signer.state-replayed");
  await second.step(step(2));
  // A state that nobody here ever began is of another signer, or of books that are gone.
  expect(await codeOf(second.step({ ...step(3), stateId: "other" }))).toBe("signer.state-replayed");
  expect(await codeOf(second.step(step(2, 1n, "a", ms(NOW + STATE_LIFETIME))))).toBe("signer.state-replayed");
});

test("a caller spends its budget and no more, however many calls come at once, and another has its own", async () => {
  const book = new StoredSignerBook(new MemorySettings());
  const budget = { amount: wei(10n), period: ms(1000) };
  const calls = Array.from({ length: 8 }, (_, index) =>
    codeOf(book.step({ ...step(0, 3n), stateId: `${index}` }, budget)),
  );
  const codes = await Promise.all(calls);
  expect(codes.filter((code) => code === undefined)).toHaveLength(3);
  expect(codes.filter((code) => code === "signer.budget-exhausted")).toHaveLength(5);
  await book.step({ ...step(0, 10n, "b"), stateId: "b" }, budget);
  // A refused step was not taken.
  await book.step({ ...step(0, 3n, "a", ms(NOW + 1000)), stateId: "7" }, budget);
});

test("sessions whose states are too old to be taken are forgotten, on disk as well, a few with each step", async () => {
  const settings = new MemorySettings();
  const book = new StoredSignerBook(settings);
  const marks = async () => (await settings.startingWith("signer.mark.")).size;
  for (let index = 0; index < 12; index += 1) await book.step({ ...step(0), stateId: `${index}` });
  const later = ms(NOW + STATE_LIFETIME + 1);
  await book.step({ ...step(0, 1n, "a", ms(NOW + STATE_LIFETIME)), stateId: "young" });
  expect(await marks()).toBe(13);
  await book.step({ ...step(0, 1n, "a", later), stateId: "later" });
  expect(await marks()).toBe(4);
  // A signer that was started anew goes on with it.
  await new StoredSignerBook(settings).step({ ...step(1, 1n, "a", later), stateId: "young" });
  expect([...(await settings.startingWith("signer.mark.")).keys()].sort()).toEqual([
    "signer.mark.later",
    "signer.mark.young",
  ]);
});

test("a book that is full takes no new session until old ones have aged", async () => {
  const book = new StoredSignerBook(new MemorySettings(), 1);
  await book.step(step(0));
  expect(await codeOf(book.step({ ...step(0), stateId: "other" }))).toBe("node.overloaded");
  await book.step(step(1));
  await book.step({ ...step(0, 1n, "a", ms(NOW + STATE_LIFETIME + 1)), stateId: "other" });
});

test("callers are forgotten when the time of their budget is over, and are as many as there is room for", async () => {
  const settings = new MemorySettings();
  const budget = { amount: wei(10n), period: ms(1000) };
  const call = (book: SignerBook, caller: string, at: number, amount = 10n) =>
    codeOf(book.step({ ...step(0, amount, caller, ms(at)), stateId: `${caller} ${at}` }, budget));
  const callers = async () => [...(await settings.startingWith("signer.spent.")).keys()].sort();
  const first = new StoredSignerBook(settings, 2);
  expect(await call(first, "alice", NOW)).toBeUndefined();
  expect(await call(first, "bob", NOW + 500)).toBeUndefined();
  const more = new StoredSignerBook(settings, 4);
  expect(await call(more, "bob", NOW + 999, 1n)).toBe("signer.budget-exhausted");
  expect(await call(more, "carol", NOW + 1000)).toBeUndefined();
  expect(await callers()).toEqual(["signer.spent.bob", "signer.spent.carol"]);
  expect(await call(more, "bob", NOW + 1500)).toBeUndefined();
  expect(await call(new StoredSignerBook(settings, 2), "dan", NOW + 1500)).toBe("node.overloaded");
});
