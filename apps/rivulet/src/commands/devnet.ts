import type { Devnet } from "@rivulet/devnet";
import {
  createLogger,
  findDuration,
  machineSurroundings,
  type OwnFlag,
  parseFlags,
  runUntilStopped,
  systemClock,
} from "@rivulet/node";
import { type Milliseconds, ms, RivuletError } from "@rivulet/primitives";
import type { Terminal } from "../terminal.ts";

const flags: readonly OwnFlag[] = [
  { flag: "port", form: "text", help: "port of the JSON-RPC server on 127.0.0.1; 0 takes a free one [8545]" },
  { flag: "blockTime", form: "text", help: "time from block to block; 0s makes blocks for transactions only [1s]" },
  { flag: "roundLength", form: "text", help: "blocks of a round [50]" },
  { flag: "json", form: "switch", help: "tell everything as one line of JSON" },
];

const DEFAULT_PORT = 8545;
const DEFAULT_BLOCK_TIME = ms(1_000);
const DEFAULT_ROUND_LENGTH = 50;
/** A block takes a fraction of this to make. */
const SHORTEST_BLOCK_TIME = ms(10);
/** Nothing is saved: stopping is closing a socket. */
const STOP_LIMIT = ms(5_000);

interface Problem {
  readonly path: string;
  readonly message: string;
}

interface Wishes {
  readonly port: number;
  readonly blockTime: Milliseconds;
  readonly roundLength: number;
}

/** A chain on this machine with the contracts of the network. It runs until it is told to stop, and is then forgotten. */
export async function devnetCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const parsed = parseFlags(argv, [], machineSurroundings(process.cwd()), flags);
  if (parsed.asksForHelp) {
    terminal.result(
      ["usage: rivulet devnet [flags]", "", ...flags.map(({ flag, help }) => `  -${flag.padEnd(12)} ${help}`)].join(
        "\n",
      ),
    );
    return 0;
  }
  const problems = [...parsed.problems];
  const wishes = wishesOf(parsed.own, problems);
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });
  // An EVM is much to load for a command line that mostly does other things.
  const { startDevnet } = await import("@rivulet/devnet");
  let devnet: Devnet | undefined;
  const chain = {
    start: async () => {
      const { port, roundLength, blockTime } = wishes;
      const pace = blockTime === 0 ? {} : { blockTime };
      devnet = await startDevnet({ port, roundLength: BigInt(roundLength), ...pace }, { clock: systemClock });
    },
    stop: async () => devnet?.stop(),
  };
  const log = createLogger({ level: "warn", format: "lines" });
  return runUntilStopped(chain, { limit: STOP_LIMIT, withParent: false }, { process, log }, async () => {
    if (devnet === undefined) return undefined;
    if (parsed.own.get("json") === true) terminal.result(JSON.stringify(summary(devnet, wishes)));
    else for (const line of description(devnet, wishes)) terminal.result(line);
    terminal.say("The chain runs until you press Ctrl-C. Nothing of it is kept.");
    return undefined;
  });
}

function wishesOf(own: ReadonlyMap<string, string | boolean>, problems: Problem[]): Wishes {
  const whole = (flag: string, standard: number, least: number, most: number): number => {
    const text = own.get(flag);
    if (text === undefined) return standard;
    const value = typeof text === "string" && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    problems.push({ path: `-${flag}`, message: `"${text}" is not a whole number from ${least} to ${most}` });
    return standard;
  };
  const text = own.get("blockTime");
  const blockTime = text === undefined ? DEFAULT_BLOCK_TIME : findDuration(String(text));
  if (blockTime === undefined || (blockTime > 0 && blockTime < SHORTEST_BLOCK_TIME))
    problems.push({
      path: "-blockTime",
      message: `"${text}" is not 0s, nor a duration of 10ms or more, such as 250ms`,
    });
  return {
    port: whole("port", DEFAULT_PORT, 0, 65_535),
    blockTime: blockTime ?? DEFAULT_BLOCK_TIME,
    // In rounds of one block nothing could be done between two of them.
    roundLength: whole("roundLength", DEFAULT_ROUND_LENGTH, 2, 1_000_000),
  };
}

function description({ url, chainId, addresses, accounts }: Devnet, { blockTime, roundLength }: Wishes): string[] {
  const pace = blockTime === 0 ? "a block for each transaction" : `a block every ${blockTime / 1000} s`;
  return [
    `chain ${chainId} at ${url}: ${pace}, ${roundLength} blocks a round`,
    "",
    ...Object.entries(addresses).map(([name, address]) => `  ${name.padEnd(18)} ${address}`),
    "",
    "Accounts with 10000 ETH and 10000 LPT each. Everybody knows their keys: use them on no other chain.",
    "",
    ...accounts.map(({ address, privateKey }, index) => `  ${index}  ${address}  ${privateKey}`),
  ];
}

function summary({ url, chainId, addresses, accounts }: Devnet, { blockTime, roundLength }: Wishes): unknown {
  return { url, chainId, blockTimeMs: blockTime, roundLength, addresses, accounts };
}
