import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { secureRandomness, systemClock } from "@rivulet/node";
import { Store } from "@rivulet/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isLong } from "./harness/long.ts";
import { paymentOf, RESERVATION, winnerHash, wins } from "./harness/written-payments.ts";

const WRITER = fileURLToPath(new URL("./harness/payment-writer-main.ts", import.meta.url));
/** Of one database. */
const KILLS = 30;
const rounds = Array.from({ length: isLong ? 70 : 1 }, (_, index) => index + 1);
/** A writer is killed this long after it began at the latest: late enough for a checkpoint to be under way. */
const LONGEST_LIFE_MS = 1_200;
/** All of it is looked at now and then, as there is more and more of it. */
const INSPECTED_EVERY = 10;
/** Payments that are looked at together. */
const AT_ONCE = 2_000;

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rivulet-kill-"));
  file = join(directory, "rivulet.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** All that writers were ever promised. */
class Promised {
  /** Tickets credited, by the number of the payment. */
  readonly taken = new Map<number, number>();
  readonly reserved = new Set<number>();
  #next = 1;

  /** The number from which a writer begins: above all that were ever begun. */
  get next(): number {
    return this.#next;
  }

  /** Reads what a writer said. A line that was cut off promised nothing. */
  hear(output: string): void {
    for (const line of output.split("\n").slice(0, -1)) {
      const [what, first = 0, second = 0] = line.split(" ").map((word, index) => (index === 0 ? word : Number(word)));
      if (what === "taken") {
        this.taken.set(Number(first), Number(second));
        this.#next = Math.max(this.#next, Number(first) + 1);
      }
      if (what !== "reserved") continue;
      for (let nonce = Number(first); nonce < Number(first) + Number(second); nonce += 1) {
        expect(this.reserved.has(nonce), `nonce ${nonce} was given twice`).toBe(false);
        this.reserved.add(nonce);
      }
    }
    // Writers work on many payments at once: some were begun and not acknowledged.
    this.#next += 100;
  }
}

/** Lets a writer write until it is killed, so long after it began to work or to start, and tells what it said. */
async function written(first: number, since: "work" | "start", lifeMs: number): Promise<string> {
  const child = spawn(process.execPath, [WRITER, file, `${first}`], { stdio: ["ignore", "pipe", "inherit"] });
  const output: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => output.push(bytes));
  const closed = once(child, "close");
  if (since === "work") await once(child.stdout, "data");
  await sleep(lifeMs);
  child.kill("SIGKILL");
  await closed;
  return Buffer.concat(output).toString();
}

test.for(rounds)(
  `in round %i, after ${KILLS} kills, no winner is missing, no nonce is used twice, and sums are right`,
  // Half a minute where nothing else runs; the long run is for machines that may have other things to do.
  { timeout: isLong ? 1_800_000 : 300_000 },
  async () => {
    const promised = new Promised();
    let killedAtWork = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const output = await written(
        promised.next,
        kill % 6 === 5 ? "start" : "work",
        secureRandomness.uniform() * LONGEST_LIFE_MS,
      );
      if (output.includes("taken")) killedAtWork += 1;
      promised.hear(output);
      if (kill % INSPECTED_EVERY === 0 || kill === KILLS - 1) await inspect(promised);
    }
    console.error(
      `${killedAtWork} of ${KILLS} writers were killed at work; ${promised.taken.size} payments and ${promised.reserved.size} nonces acknowledged`,
    );
    expect(killedAtWork).toBeGreaterThan(KILLS / 4);
  },
);

/** Looks at a copy, so that the next writer finds what the last one left. */
async function inspect(promised: Promised): Promise<void> {
  const copy = join(directory, "copy.db");
  for (const part of ["", "-wal"]) {
    if (existsSync(file + part)) copyFileSync(file + part, copy + part);
    else rmSync(copy + part, { force: true });
  }
  await using store = await Store.open({ file: copy, chainId: 1337 }, { clock: systemClock });
  const hashes = await winnerHashes(store);
  const numbers = Array.from({ length: promised.next }, (_, number) => number);
  let credited = 0;
  for (let begin = 0; begin < numbers.length; begin += AT_ONCE) {
    const chunk = numbers.slice(begin, begin + AT_ONCE);
    const looks = chunk.map((number) => store.payments.take({ ...paymentOf(number), creditable: 0, winners: [] }));
    for (const [index, { nonces }] of (await Promise.all(looks)).entries()) {
      const number = chunk[index] ?? 0;
      const isThere = nonces[0] === "seen";
      const wasWon = hashes.has(winnerHash(number));
      if (promised.taken.has(number))
        expect([promised.taken.get(number), isThere], `payment ${number}`).toEqual([2, true]);
      // Of all that was written, acknowledged or not: nonces, credit and winner are there together, or none of them is.
      expect([nonces[1] === "seen", wasWon], `payment ${number}`).toEqual([isThere, isThere && wins(number)]);
      if (isThere) credited += nonces.length;
    }
  }
  const totals = await store.payments.totals();
  expect(totals.reduce((sum, { tickets }) => sum + tickets, 0n)).toBe(BigInt(credited));
  expect(totals.map((each) => `${each.credited.times(3n)}`)).toEqual(totals.map(({ tickets }) => `${tickets}`));
  expect((await store.payments.winnerTotals()).map(({ count }) => count)).toEqual(
    hashes.size > 0 ? [BigInt(hashes.size)] : [],
  );
  const nonce = (await store.payments.reserveNonces({ ...RESERVATION, count: 1 })) ?? 0;
  expect(promised.reserved.has(nonce), `nonce ${nonce} was given twice`).toBe(false);
}

async function winnerHashes(store: Store): Promise<ReadonlySet<string>> {
  const hashes = new Set<string>();
  for (let after = 0; ; ) {
    const page = await store.payments.winners({ after, limit: 1000 });
    for (const { hash } of page) hashes.add(hash);
    const last = page.at(-1);
    if (last === undefined) return hashes;
    after = last.sequence;
  }
}
