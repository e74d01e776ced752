import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { address } from "@rivulet/crypto";
import { ticketHashText, type WinningTicket } from "@rivulet/payments";
import { ms, Rational, wei } from "@rivulet/primitives";
import { orchestratorCacheContract, settingsContract, TestClock, turn } from "@rivulet/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CHECKPOINT_PERIOD, PRUNE_PERIOD, SETTLED_WINNERS_KEPT } from "./limits.ts";
import { MemoryOrchestratorCache } from "./memory-orchestrator-cache.ts";
import { MemorySettings } from "./memory-settings.ts";
import { isActiveIn } from "./orchestrator-cache.ts";
import { Store, type StoreOptions, type StorePorts } from "./store.ts";

let directory: string;
let file: string;
const stores: Store[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rivulet-store-"));
  file = join(directory, "rivulet.db");
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  rmSync(directory, { recursive: true });
});

async function open(options: Partial<StoreOptions> = {}, ports: Partial<StorePorts> = {}): Promise<Store> {
  const store = await Store.open({ file, ...options }, { clock: new TestClock(ms(1000)), ...ports });
  stores.push(store);
  return store;
}

async function close(): Promise<void> {
  await stores.pop()?.close();
}

/** Opens, closes and opens again on behalf of a contract. */
async function reopened(): Promise<Store> {
  await close();
  return await open();
}

settingsContract("memory", async () => ({ settings: new MemorySettings(), stop: async () => {} }));
settingsContract("embedded", async () => ({
  settings: (await open()).settings,
  reopen: async () => (await reopened()).settings,
  stop: async () => {},
}));
orchestratorCacheContract("memory", async () => ({ cache: new MemoryOrchestratorCache(), stop: async () => {} }));
orchestratorCacheContract("embedded", async () => ({
  cache: (await open()).orchestrators,
  reopen: async () => (await reopened()).orchestrators,
  stop: async () => {},
}));

const PEER = address(`0x${"33".repeat(20)}`);
const ACCOUNT = { side: "payee", peer: PEER, id: "a" } as const;
const AT = ms(1000);
const credit = { key: ACCOUNT, credited: Rational.of(5n), tickets: 1n, touchedAt: AT };
const secret = { generation: 1, secret: new Uint8Array(32).fill(1), createdAt: AT };
const reservation = { recipientRandHash: new Uint8Array(32).fill(2), expirationBlock: 100n, count: 3 };

function winner(senderNonce: number): WinningTicket {
  return {
    ticket: {
      recipient: PEER,
      sender: PEER,
      faceValue: 7n,
      winProbability: 1n,
      senderNonce,
      recipientRandHash: new Uint8Array(32),
      expiration: { creationRound: 1n, creationRoundBlockHash: new Uint8Array(32) },
    },
    signature: new Uint8Array(65),
    recipientRand: 1n,
    paramsExpirationBlock: 1n,
  };
}

describe("opening a database", () => {
  test("makes one that only its owner can read", async () => {
    await open();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("is refused while another has it, also a moment after", async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ code: "store.locked" });
    await first.payments.apply([credit]);
    await expect(open()).rejects.toMatchObject({ code: "store.locked" });
    await close();
    expect(await (await open()).payments.accounts()).toHaveLength(1);
  });

  test("is refused when it is not a database, and leaves the file as it was", async () => {
    const text = "this is not a database but somebody's letter\n".repeat(100);
    writeFileSync(file, text);
    await expect(open()).rejects.toMatchObject({
      code: "store.corrupt",
      facts: { reason: expect.stringContaining(file) },
    });
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test.each(["the header", "a page"])("is refused when %s is damaged", async (part) => {
    const { payments } = await open();
    await payments.apply(
      Array.from({ length: 200 }, (_, index) => ({ ...credit, key: { ...ACCOUNT, id: `${index}` } })),
    );
    await close();
    const bytes = readFileSync(file);
    if (part === "the header") bytes.fill(0xff, 0, 100);
    // The part of each page that says where its rows lie.
    else for (let page = 4096; page < bytes.length; page += 4096) bytes.fill(0x5a, page, page + 16);
    writeFileSync(file, bytes);
    await expect(open()).rejects.toMatchObject({ code: "store.corrupt" });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  test("is refused when a newer version wrote it", async () => {
    await open();
    await close();
    const database = new DatabaseSync(file);
    database.exec("insert into migrations values (9999, 'of the future', '', 0)");
    database.close();
    await expect(open()).rejects.toMatchObject({
      code: "store.newer",
      facts: { reason: expect.stringContaining("of the future") },
    });
  });

  test("is refused when its schema was made by other steps", async () => {
    await open();
    await close();
    const database = new DatabaseSync(file);
    database.exec("update migrations set checksum = 'x'");
    database.close();
    await expect(open()).rejects.toMatchObject({ code: "store.corrupt" });
  });

  test("is refused for another chain than the first", async () => {
    await open();
    await close();
    await open({ chainId: 42161 });
    await close();
    await expect(open({ chainId: 1337 })).rejects.toMatchObject({
      code: "store.wrong-network",
      facts: { expected: 1337, actual: 42161 },
    });
    await open({ chainId: 42161 });
  });

  test("is refused where there can be no file", async () => {
    await expect(open({ file: join(directory, "missing", "rivulet.db") })).rejects.toMatchObject({
      code: "store.unusable",
    });
    mkdirSync(file);
    await expect(open()).rejects.toMatchObject({ code: "store.unusable" });
  });
});

describe("reading", () => {
  test("is possible while the owner writes, and changes nothing", async () => {
    const owner = await open({ chainId: 1337 });
    const reader = await open({ access: "read", chainId: 1337 });
    await owner.payments.apply([credit]);
    expect(await reader.payments.accounts()).toHaveLength(1);
    await expect(reader.payments.apply([credit])).rejects.toMatchObject({ code: "store.unusable" });
    await expect(open({ access: "read", chainId: 1 })).rejects.toMatchObject({ code: "store.wrong-network" });
  });

  test("is possible when there is no owner", async () => {
    const owner = await open();
    await owner.payments.apply([credit]);
    await close();
    const before = readFileSync(file);
    expect(await (await open({ access: "read" })).payments.accounts()).toHaveLength(1);
    await close();
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("needs a database of this version", async () => {
    await expect(open({ access: "read" })).rejects.toMatchObject({ code: "store.unusable" });
    writeFileSync(file, "no database at all, but long enough to look like one".repeat(100));
    await expect(open({ access: "read" })).rejects.toMatchObject({ code: "store.corrupt" });
    rmSync(file);
    const database = new DatabaseSync(file);
    database.exec("create table migrations (id integer primary key, name text, checksum text, applied_at real)");
    database.close();
    await expect(open({ access: "read" })).rejects.toMatchObject({ code: "store.unusable" });
  });
});

describe("a full disk", () => {
  test("refuses what needs room, keeps what was acknowledged, and works again when there is room", async () => {
    const { payments } = await open({ maxBytes: 300_000 });
    const change = (index: number) => ({ ...credit, key: { ...ACCOUNT, id: `${index} ${"x".repeat(500)}` } });
    let written = 0;
    const full = async () => {
      for (;;) {
        await payments.apply([change(written)]);
        written += 1;
      }
    };
    await expect(full()).rejects.toMatchObject({ code: "store.full" });
    expect(written).toBeGreaterThan(50);
    expect(await payments.accounts()).toHaveLength(written);
    await expect(payments.addRecipientSecret({ ...secret, secret: new Uint8Array(100_000) })).rejects.toMatchObject({
      code: "store.full",
    });
    await payments.close([change(0), change(1), change(2)].map(({ key }) => key));
    await payments.apply([change(0)]);
    await close();
    const { payments: roomy } = await open();
    await roomy.apply([change(-1)]);
    expect(await roomy.accounts()).toHaveLength(written - 1);
    expect((await roomy.totals())[0]?.tickets).toBe(BigInt(written + 2));
  });
});

describe("calls at once", () => {
  test("share a commit, and the one that fails leaves no trace", async () => {
    const { payments } = await open();
    const wrong = { ...reservation, recipientRandHash: new Uint8Array(32), nonces: [2 ** 33], creditable: 1 };
    const results = await Promise.allSettled([
      payments.apply([credit]),
      payments.take({ ...wrong, ticketValue: Rational.of(1n), winners: [], account: ACCOUNT, at: AT }),
      payments.setWinner("0x00", { kind: "queued" }),
      payments.apply([credit]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect((await payments.accounts())[0]).toMatchObject({ tickets: 2n, credited: Rational.of(10n) });
  });

  test("that were made before closing are written, and later ones refused", async () => {
    const store = await open();
    const under = Array.from({ length: 1000 }, () => store.payments.reserveNonces(reservation));
    await close();
    expect(new Set(await Promise.all(under)).size).toBe(1000);
    await expect(store.payments.accounts()).rejects.toMatchObject({ code: "node.stopping" });
    await store.close();
    expect(await (await open()).payments.reserveNonces(reservation)).toBe(3001);
  });

  test("are refused beyond a bound", async () => {
    const { payments } = await open();
    const results = await Promise.allSettled(Array.from({ length: 10_001 }, () => payments.accounts()));
    expect(results.at(-1)).toMatchObject({ status: "rejected", reason: { code: "node.overloaded" } });
    expect(results.at(-2)).toMatchObject({ status: "fulfilled" });
  });
});

test("what was written is moved from the log into the file, a second later, in another thread", async () => {
  const clock = new TestClock(ms(1000));
  const { payments } = await open({}, { clock });
  await payments.apply([credit]);
  const before = statSync(file).size;
  await clock.advance(CHECKPOINT_PERIOD);
  while (statSync(file).size === before) await turn();
  expect(statSync(file).size).toBeGreaterThan(before);
  await payments.apply([credit]);
  // The next checkpoint is due, and some day the next pruning.
  expect(clock.sleeping).toBe(2);
});

describe("a power failure", () => {
  const bootOf = (name: string | undefined) => ({ bootId: () => name });
  /** The files as they are found after a crash. */
  const crash = async (ports: Partial<StorePorts>) => {
    const { payments } = await open({}, ports);
    await payments.addRecipientSecret(secret);
    expect(await payments.reserveNonces(reservation)).toBe(1);
    const files = ["rivulet.db", "rivulet.db-wal"].map((name) => [name, readFileSync(join(directory, name))] as const);
    await close();
    for (const [name, bytes] of files) writeFileSync(join(directory, name), bytes);
  };

  test("is not assumed after a crash in the same boot", async () => {
    await crash(bootOf("a"));
    const { payments } = await open({}, bootOf("a"));
    expect(await payments.recipientSecrets()).toEqual([secret]);
    expect(await payments.reserveNonces(reservation)).toBe(4);
  });

  test.each([
    ["in another boot", "b"],
    ["nobody knows when", undefined],
  ])("after a crash %s voids what could be credited or signed twice", async (_name, boot) => {
    await crash(bootOf(boot === undefined ? undefined : "a"));
    const { payments } = await open({}, bootOf(boot));
    expect(await payments.recipientSecrets()).toEqual([]);
    expect(await payments.reserveNonces(reservation)).toBeGreaterThan(1000);
  });

  test("is not assumed when the node was stopped in good order", async () => {
    const { payments } = await open({}, bootOf("a"));
    await payments.addRecipientSecret(secret);
    await close();
    expect(await (await open({}, bootOf("b"))).payments.recipientSecrets()).toEqual([secret]);
  });
});

test("winners that were redeemed or lost are kept for a stated time, and in the sums for ever", async () => {
  const { payments } = await open();
  await payments.addWinners([winner(1), winner(2)], AT);
  const lost = { kind: "lost", why: "chain.ticket-expired", reason: "late", at: AT, gasCost: wei(1n) } as const;
  await payments.setWinner(ticketHashText(winner(1).ticket), lost);
  const totals = await payments.winnerTotals();
  await close();
  const { payments: later } = await open({}, { clock: new TestClock(ms(AT + SETTLED_WINNERS_KEPT + 1)) });
  expect((await later.winners({ limit: 10 })).map(({ winner }) => winner)).toEqual([winner(2)]);
  expect(await later.winnerTotals()).toEqual(totals);
});

test("a store that stays open lets go of old winners every day", async () => {
  const clock = new TestClock(ms(AT + SETTLED_WINNERS_KEPT));
  const { payments } = await open({}, { clock });
  await payments.addWinners([winner(1), winner(2)], AT);
  const lost = { kind: "lost", why: "chain.ticket-expired", reason: "late", at: AT, gasCost: wei(1n) } as const;
  await payments.setWinner(ticketHashText(winner(1).ticket), lost);
  expect(await payments.winners({ limit: 10 })).toHaveLength(2);
  await clock.advance(PRUNE_PERIOD);
  expect(await payments.winners({ limit: 10 })).toHaveLength(1);
});

test("a winner whose row was changed is not handed out", async () => {
  const { payments } = await open();
  await payments.addWinners([winner(1)], AT);
  await close();
  const database = new DatabaseSync(file);
  database.exec("update winners set face_value = '8'");
  database.close();
  await expect((await open()).payments.winners({ limit: 1 })).rejects.toMatchObject({ code: "store.corrupt" });
});

test("the last block is remembered", async () => {
  const store = await open();
  expect(await store.blocks.load()).toBeUndefined();
  const block = { number: 2n ** 70n, hash: `0x${"ab".repeat(32)}` } as const;
  await store.blocks.save(block);
  await close();
  expect(await (await open()).blocks.load()).toEqual(block);
});

test("an orchestrator is active from its first round to before its last", () => {
  const known = { address: PEER, updatedAt: AT, activationRound: 3n, deactivationRound: 5n };
  expect([2n, 3n, 4n, 5n].map((round) => isActiveIn(known, round))).toEqual([false, true, true, false]);
  expect(isActiveIn({ address: PEER, updatedAt: AT }, 3n)).toBe(false);
});
