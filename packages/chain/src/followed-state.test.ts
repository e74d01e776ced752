import { type Address, address } from "@rivulet/crypto";
import { RivuletError, silentLogger } from "@rivulet/primitives";
import { describe, expect, test } from "vitest";
import { FollowedState } from "./followed-state.ts";

const [ANNE, BERT, CORA] = [1, 2, 3].map((digit) => address(`0x${`${digit}`.repeat(40)}`)) as [
  Address,
  Address,
  Address,
];

/** Reads that tests answer one by one. */
function world(capacity = 10, strangers = 10) {
  const reads: { account: Address; resolve(value: number): void; reject(error: unknown): void }[] = [];
  const state = new FollowedState<number>({
    capacity,
    strangers,
    log: silentLogger,
    read: (account) => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      reads.push({ account, resolve, reject });
      return promise;
    },
  });
  return { state, reads };
}

const down = new RivuletError("chain.unavailable", {});

describe("strangers", () => {
  test("beyond some are not read before the next refresh, and make nobody forgotten", async () => {
    const { state, reads } = world(10, 1);
    const known = state.get(ANNE);
    reads[0]?.resolve(1);
    await known;
    await expect(state.get(BERT)).rejects.toMatchObject({ code: "node.overloaded" });
    expect(await state.get(ANNE)).toBe(1);
    expect(reads).toHaveLength(1);
    await state.refresh();
    const now = state.get(BERT);
    reads[1]?.resolve(2);
    expect(await now).toBe(2);
  });
});

describe("a state", () => {
  test("is read once, for all who ask", async () => {
    const { state, reads } = world();
    const asked = [state.get(ANNE), state.get(ANNE)];
    reads[0]?.resolve(1);
    expect(await Promise.all([...asked, state.get(ANNE)])).toEqual([1, 1, 1]);
    expect(reads).toHaveLength(1);
  });

  test("that is touched while it is read is read again", async () => {
    const { state, reads } = world();
    const before = state.get(ANNE);
    state.touch(ANNE);
    const after = state.get(ANNE);
    expect(reads).toHaveLength(2);
    reads[1]?.resolve(2);
    expect(await after).toBe(2);
    reads[0]?.resolve(1);
    expect(await before).toBe(1);
    expect(await state.get(ANNE)).toBe(2);
  });

  test("that is touched is read by the next refresh, and told", async () => {
    const { state, reads } = world();
    for (const [index, account] of [ANNE, BERT].entries()) {
      const read = state.get(account);
      reads[index]?.resolve(index);
      await read;
    }
    state.touch(BERT);
    state.touch(CORA);
    const refreshing = state.refresh();
    reads[2]?.resolve(20);
    expect(await refreshing).toEqual([BERT]);
    expect([await state.get(ANNE), await state.get(BERT)]).toEqual([0, 20]);
    expect(reads).toHaveLength(3);
    expect(await state.refresh()).toEqual([]);
  });

  test("that could not be read stays touched, and its last value is told meanwhile", async () => {
    const { state, reads } = world();
    const first = state.get(ANNE);
    reads[0]?.resolve(1);
    await first;
    state.touch(ANNE);
    const failing = state.refresh();
    reads[1]?.reject(down);
    await expect(failing).rejects.toBe(down);
    const asked = state.get(ANNE);
    reads[2]?.reject(down);
    expect(await asked).toBe(1);
    const refreshing = state.refresh();
    reads[3]?.resolve(2);
    await refreshing;
    expect(await state.get(ANNE)).toBe(2);
  });

  test("that was never read has no last value", async () => {
    const { state, reads } = world();
    const asked = state.get(ANNE);
    reads[0]?.reject(down);
    await expect(asked).rejects.toBe(down);
  });

  test("of the account asked for longest ago is forgotten first", async () => {
    const { state, reads } = world(2);
    for (const [index, account] of [ANNE, BERT, ANNE, CORA].entries()) {
      const read = state.get(account);
      reads.at(-1)?.resolve(index);
      await read;
    }
    const again = state.get(BERT);
    reads.at(-1)?.resolve(9);
    await again;
    expect(reads.map(({ account }) => account)).toEqual([ANNE, BERT, CORA, BERT]);
  });

  test("is no longer waited for by those who gave up, but by the others", async () => {
    const { state, reads } = world();
    const stop = new AbortController();
    const [given, kept] = [state.get(ANNE, stop.signal), state.get(ANNE)];
    stop.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    reads[0]?.resolve(5);
    expect(await kept).toBe(5);
  });
});
