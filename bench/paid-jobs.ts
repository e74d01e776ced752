import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encryptKeystore, PrivateKey } from "@rivulet/chain";
import { type DevelopmentAccount, type Devnet, startDevnet } from "@rivulet/devnet";
import { type NodeProcess, secureRandomness, systemClock } from "@rivulet/node";
import { seconds } from "@rivulet/primitives";
import { processorSeconds } from "./measure.ts";
import { type Case, InstantRunner, pictureRequest, ready, run, startNode, warmUp } from "./nodes.ts";

/** Jobs of one kind through two pairs of nodes that differ in nothing but payment. Milliseconds. */
export interface PaidJobs {
  readonly atOnce: number;
  readonly free: Middle;
  readonly paid: Middle;
}

/** Medians over the turns. */
interface Middle {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** Processor time of both nodes for one job. */
  readonly processor: number;
  readonly failed: number;
}

const CONCURRENCIES = [1, 16];
/** Free and paid jobs take turns, so that whatever else the machine does meets both. */
const TURNS = 3;
/** After so many the compiler has made of the usual way what it will. */
const WARMING_JOBS = 2000;
const picture: Case = { name: "picture 1 kB", path: "/text-to-image", body: pictureRequest("bench/small", 64) };

const ETHER = 10n ** 18n;
const FUNDING = { deposit: 1_000n * ETHER, reserve: 1_000n * ETHER };
const BLOCK_TIME = seconds(2);
/** Wei a pixel: two tickets of the usual value pay a picture of this size. */
const PIXEL_PRICE = 400_000_000n;
/** A key that everybody knows needs no protection. */
const CHEAP = { n: 2, p: 1 };
const PASSPHRASE = "a key that everybody knows";

/** What payment adds to a job, on a chain in this process. */
export async function paidJobs(secondsEach: number): Promise<readonly PaidJobs[]> {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-bench-"));
  const nodes: NodeProcess[] = [];
  const devnet = await startDevnet({ blockTime: BLOCK_TIME }, { clock: systemClock });
  try {
    using runner = await InstantRunner.start(directory);
    const [, payer, payee] = devnet.accounts;
    if (payer === undefined || payee === undefined) throw new Error("the chain has accounts enough");
    await devnet.fundSender(payer.address, FUNDING);
    const free = await pair(nodes, directory, "free", runner, [], []);
    const payeeFlags = await chainFlags(devnet, payee, join(directory, "payee"));
    const payerFlags = await chainFlags(devnet, payer, join(directory, "payer"));
    const paid = await pair(
      nodes,
      directory,
      "paid",
      runner,
      payerFlags,
      [...payeeFlags, `-pricePerUnit=${PIXEL_PRICE}`],
      async (address) => {
        await devnet.registerOrchestrator(payee.address, { serviceUri: address });
        await devnet.nextRound();
      },
    );
    for (const { gateway } of [free, paid]) await warmUp(gateway.address, picture, WARMING_JOBS);
    const results: PaidJobs[] = [];
    for (const atOnce of CONCURRENCIES) {
      const turns = { free: [] as Middle[], paid: [] as Middle[] };
      for (let turn = 0; turn < TURNS; turn += 1) {
        turns.free.push(await measured(free, atOnce, secondsEach));
        turns.paid.push(await measured(paid, atOnce, secondsEach));
      }
      results.push({ atOnce, free: middle(turns.free), paid: middle(turns.paid) });
    }
    return results;
  } finally {
    for (const node of nodes.toReversed()) await node.stop();
    await devnet.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Pair {
  readonly gateway: NodeProcess;
  readonly orchestrator: NodeProcess;
}

/** A gateway and an orchestrator; `register` is told where the second one is, before the first one starts. */
async function pair(
  nodes: NodeProcess[],
  directory: string,
  name: string,
  runner: InstantRunner,
  payer: readonly string[],
  payee: readonly string[],
  register: (address: string) => Promise<void> = async () => {},
): Promise<Pair> {
  const orchestrator = await startNode(nodes, `orchestrator, ${name}`, [
    "orchestrator",
    "-serviceAddr=127.0.0.1:0",
    "-httpAddr=127.0.0.1:0",
    `-aiModels=${runner.models}`,
    `-dataDir=${directory}/${name}-orchestrator`,
    ...payee,
  ]);
  await register(orchestrator.address);
  const gateway = await startNode(nodes, `gateway, ${name}`, [
    "gateway",
    "-httpAddr=127.0.0.1:0",
    `-orchAddr=${orchestrator.address}`,
    "-discoveryInterval=1s",
    `-dataDir=${directory}/${name}-gateway`,
    ...payer,
  ]);
  await ready(gateway.address);
  return { gateway, orchestrator };
}

/** The flags that give a node an account on the chain. Writes its key to `file`. */
async function chainFlags(devnet: Devnet, account: DevelopmentAccount, file: string): Promise<readonly string[]> {
  const key = PrivateKey.fromHex(account.privateKey);
  writeFileSync(`${file}.json`, await encryptKeystore(key, PASSPHRASE, { randomness: secureRandomness }, CHEAP), {
    mode: 0o600,
  });
  writeFileSync(`${file}.passphrase`, PASSPHRASE, { mode: 0o600 });
  return [
    "-network=local",
    `-ethUrl=${devnet.url}`,
    `-ethController=${devnet.addresses.controller}`,
    `-ethKeystorePath=${file}.json`,
    `-ethPassword=file:${file}.passphrase`,
  ];
}

async function measured({ gateway, orchestrator }: Pair, atOnce: number, secondsEach: number): Promise<Middle> {
  const processor = () => processorSeconds(gateway.pid) + processorSeconds(orchestrator.pid);
  const before = processor();
  const { latency, perSecond, requests, failed } = await run(gateway.address, picture, atOnce, secondsEach);
  // `run` warms up for a second, which counts as well.
  const jobs = requests + perSecond;
  return { ...latency, perSecond, failed, processor: ((processor() - before) * 1000) / jobs };
}

function middle(turns: readonly Middle[]): Middle {
  const of = (read: (each: Middle) => number) =>
    turns.map(read).toSorted((a, b) => a - b)[turns.length >> 1] ?? Number.NaN;
  return {
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    perSecond: of(({ perSecond }) => perSecond),
    processor: of(({ processor }) => processor),
    failed: turns.reduce((sum, { failed }) => sum + failed, 0),
  };
}
