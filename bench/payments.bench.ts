/**
 * `npm run bench -- payments [--json] [--seconds N]`: what tickets cost.
 *
 * First the bare signature library, on one thread. Then payments through all that is between a gateway's decision to pay
 * and an orchestrator's decision to work (nonces reserved and credit booked on disk, tickets signed; checked, taken and
 * credited on disk), both sides in this process, with embedded databases and threads as nodes have them. Last, jobs through
 * a gateway and an orchestrator that are paid on a local chain, in turns with the same jobs through two that are not.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keySigner, rawSign, recoverSigner, SignatureThreads } from "@rivulet/crypto";
import { secureRandomness, systemClock } from "@rivulet/node";
import {
  Ledger,
  type Payment,
  type PaymentTerms,
  Recipient,
  Sender,
  SenderMonitor,
  type TicketParams,
  ticketValue,
} from "@rivulet/payments";
import { Rational, silentLogger, wei } from "@rivulet/primitives";
import { Store } from "@rivulet/store";
import { MemoryChain } from "@rivulet/testkit";
import { type Load, latencyOf, load } from "./measure.ts";
import { type PaidJobs, paidJobs } from "./paid-jobs.ts";
import { report, tableText } from "./report.ts";

const secondsEach = Number(/--seconds[= ](\d+)/.exec(process.argv.join(" "))?.[1] ?? 3);
const PRICE = Rational.of(3n, 2n);
const ETHER = 10n ** 18n;
/** What a recipient takes of one set of parameters. */
const TICKETS_PER_PARAMETERS = 600;
const SENDER_KEY = new Uint8Array(32).fill(7);
const RECIPIENT = keySigner(new Uint8Array(32).fill(8)).address;
const terms: PaymentTerms = { id: "bench", quoted: () => PRICE };

/** Tickets in a payment, and payments at once. The first is the usual one; the last is verified in one pass. */
const cases = [
  { tickets: 1, atOnce: 1 },
  { tickets: 3, atOnce: 1 },
  { tickets: 3, atOnce: 16 },
  { tickets: 100, atOnce: 1 },
  { tickets: 100, atOnce: 4 },
] as const;

interface Sides {
  readonly sender: Sender;
  readonly payerLedger: Ledger;
  readonly recipient: Recipient;
  readonly stop: () => Promise<void>;
}

interface Bare {
  readonly perSecond: number;
  /** Milliseconds of processor for one. */
  readonly processor: number;
}

/** What the library needs to sign and to recover who signed, with nothing else going on. */
function bareLibrary(): { readonly signing: Bare; readonly recovering: Bare } {
  const hash = new Uint8Array(32).fill(9);
  const signature = rawSign(SENDER_KEY, hash);
  const repeated = (work: () => unknown): Bare => {
    const before = processorMs();
    const begin = performance.now();
    let count = 0;
    for (; performance.now() - begin < (secondsEach * 1000) / 2; count += 1) work();
    return { perSecond: (count * 1000) / (performance.now() - begin), processor: (processorMs() - before) / count };
  };
  repeated(() => recoverSigner(hash, rawSign(SENDER_KEY, hash)));
  return {
    signing: repeated(() => rawSign(SENDER_KEY, hash)),
    recovering: repeated(() => recoverSigner(hash, signature)),
  };
}

/** Processor time of all threads of this process. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A gateway and an orchestrator as far as payments go, around a chain in memory. */
async function sides(payerStore: Store, payeeStore: Store, threads: SignatureThreads): Promise<Sides> {
  const chain = new MemoryChain({ roundLength: 1000n });
  const signer = threads.signer(SENDER_KEY);
  chain.activate(RECIPIENT, chain.currentRound);
  chain.fund(signer.address, { deposit: 1_000_000n * ETHER, reserve: 1_000_000n * ETHER });
  const clock = systemClock;
  const payerLedger = new Ledger({ store: payerStore.payments, clock, log: silentLogger });
  await payerLedger.start();
  const ledger = new Ledger({ store: payeeStore.payments, clock, log: silentLogger });
  await ledger.start();
  const senders = chain.sendersFor(RECIPIENT);
  const recipient = new Recipient(
    { address: RECIPIENT, ticketValue: wei(10n ** 12n), maxFaceValue: wei(0n), redemptionGas: 1_200_000n },
    {
      rounds: chain,
      senders,
      floats: new SenderMonitor({ senders, rounds: chain }),
      gasPrice: chain.gas,
      activity: chain,
      recovery: threads,
      store: payeeStore.payments,
      ledger,
      winners: { add: () => {} },
      clock,
      randomness: secureRandomness,
      log: silentLogger,
    },
  );
  await recipient.start();
  const sender = new Sender(
    { maxTicketValue: wei(3n * 10n ** 12n), maxTotalValue: wei(ETHER), depositMultiplier: 1n },
    { rounds: chain, senders: chain.sendersFor(signer.address), signer, store: payerStore.payments, clock },
  );
  const stop = async () => {
    for (const each of [recipient, ledger, payerLedger]) await each.stop();
  };
  return { sender, payerLedger, recipient, stop };
}

/** Payments of `tickets` tickets; parameters are asked for anew before they are used up, which is not part of a payment. */
class Payer {
  readonly #sides: Sides;
  readonly #tickets: number;
  #params: TicketParams | undefined;
  #left = 0;

  constructor(sides: Sides, tickets: number) {
    this.#sides = sides;
    this.#tickets = tickets;
  }

  async params(): Promise<TicketParams> {
    if (this.#params === undefined || this.#left < this.#tickets) {
      this.#params = await this.#sides.recipient.issue(this.#sides.sender.address, PRICE);
      this.#left = TICKETS_PER_PARAMETERS;
    }
    this.#left -= this.#tickets;
    return this.#params;
  }

  async make(params: TicketParams): Promise<Payment> {
    const { sender, payerLedger } = this.#sides;
    const value = ticketValue(params);
    const key = { side: "payer", peer: params.recipient, id: "bench" } as const;
    using staged = payerLedger.stage(key, value.times(BigInt(this.#tickets)), value);
    const payment = await sender.pay({ params, price: PRICE, staged });
    staged.send();
    // The work was done for all that was paid: nothing is left to pay the next job with.
    await staged.settle(staged.newCredit.plus(staged.existingCredit));
    return payment;
  }
}

interface Figures {
  readonly tickets: number;
  readonly atOnce: number;
  /** Both sides, one after the other. */
  readonly payments: Load;
  readonly make: ReturnType<typeof latencyOf>;
  readonly accept: ReturnType<typeof latencyOf>;
  readonly ticketsPerSecond: number;
  /** Milliseconds of processor for one ticket, made and accepted. */
  readonly processor: number;
}

async function measure(sides: Sides, { tickets, atOnce }: (typeof cases)[number]): Promise<Figures> {
  const make: number[] = [];
  const accept: number[] = [];
  const payers = Array.from({ length: atOnce }, () => new Payer(sides, tickets));
  const pay = async () => {
    const payer = payers.pop() ?? new Payer(sides, tickets);
    const params = await payer.params();
    const begin = performance.now();
    const payment = await payer.make(params);
    const made = performance.now();
    const { refusal, tickets: credited } = await sides.recipient.accept(payment, terms);
    if (refusal !== undefined || credited !== tickets) throw refusal ?? new Error(`${credited} of ${tickets} credited`);
    make.push(made - begin);
    accept.push(performance.now() - made);
    payers.push(payer);
  };
  await load(pay, atOnce, 500);
  make.length = 0;
  accept.length = 0;
  const before = processorMs();
  const payments = await load(pay, atOnce, secondsEach * 1000);
  return {
    tickets,
    atOnce,
    payments,
    make: latencyOf(make),
    accept: latencyOf(accept),
    ticketsPerSecond: payments.perSecond * tickets,
    processor: (processorMs() - before) / (payments.requests * tickets),
  };
}

function ticketRow({ tickets, atOnce, payments, make, accept, ticketsPerSecond, processor }: Figures) {
  return {
    tickets,
    at_once: atOnce,
    "payments/s": Math.round(payments.perSecond),
    "tickets/s": Math.round(ticketsPerSecond),
    "make p50": make.p50,
    "make p99": make.p99,
    "accept p50": accept.p50,
    "accept p99": accept.p99,
    "both p50": payments.latency.p50,
    "both p99": payments.latency.p99,
    "cpu ms/ticket": processor,
    failed: payments.failed,
  };
}

function jobRow({ atOnce, free, paid }: PaidJobs) {
  return {
    jobs_at_once: atOnce,
    "free/s": Math.round(free.perSecond),
    "paid/s": Math.round(paid.perSecond),
    "free p50": free.p50,
    "paid p50": paid.p50,
    "added p50": paid.p50 - free.p50,
    "free p99": free.p99,
    "paid p99": paid.p99,
    "added p99": paid.p99 - free.p99,
    "cpu free": free.processor,
    "cpu paid": paid.processor,
    failed: free.failed + paid.failed,
  };
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-bench-"));
  const threads = new SignatureThreads();
  try {
    const bare = bareLibrary();
    await threads.start();
    await using payerStore = await Store.open({ file: join(directory, "payer.db") }, { clock: systemClock });
    await using payeeStore = await Store.open({ file: join(directory, "payee.db") }, { clock: systemClock });
    const both = await sides(payerStore, payeeStore, threads);
    const results: Figures[] = [];
    for (const each of cases) results.push(await measure(both, each));
    await both.stop();
    const jobs = await paidJobs(secondsEach);
    // Each ticket is signed once and recovered once. Processor time against processor time: a busy machine leaves it alone.
    const { signing, recovering } = bare;
    const bareProcessor = signing.processor + recovering.processor;
    console.error(tableText(results.map(ticketRow)));
    console.error(
      `bare library on one thread: ${Math.round(signing.perSecond)} signatures made and ${Math.round(recovering.perSecond)} recovered a second, ${bareProcessor.toFixed(3)} ms of processor for one of each\n`,
    );
    report(
      "payments",
      jobs.map(jobRow),
      { bare, threads: threads.threads, results, jobs },
      {
        ...Object.fromEntries(
          results.map(({ tickets, atOnce, processor }) => [
            `${tickets} tickets, ${atOnce} at once: made and accepted / signed and recovered by the bare library`,
            processor / bareProcessor,
          ]),
        ),
        ...Object.fromEntries(
          jobs.map(({ atOnce, free, paid }) => [
            `jobs, ${atOnce} at once: both nodes, paid / free`,
            paid.processor / free.processor,
          ]),
        ),
      },
    );
  } finally {
    await threads.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
