import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createLogger,
  findStarterModels,
  type LocalMoneyOptions,
  LocalNetwork,
  type LocalPayment,
  machineSurroundings,
  type OwnFlag,
  ProgressLines,
  parseFlags,
  runUntilStopped,
  secureRandomness,
  suggestion,
  systemClock,
} from "@rivulet/node";
import { ms, RivuletError } from "@rivulet/primitives";
import { type Answer, ask } from "../demo/ask.ts";
import { type Demonstration, demonstrations } from "../demo/demonstration.ts";
import { story, wasWarm } from "../demo/story.ts";
import type { Terminal } from "../terminal.ts";

const flags: readonly OwnFlag[] = [
  { flag: "once", form: "switch", help: "end after the picture, with 0" },
  { flag: "only", form: "text", help: "one pipeline, by name" },
  { flag: "json", form: "switch", help: "the last line on standard output is one JSON object" },
  { flag: "output", form: "text", help: "file of the picture [out/PIPELINE-SEED.png]" },
  {
    flag: "network",
    form: "text",
    help: "local: jobs are paid on a chain of this machine; offchain: they are not [local]",
  },
  { flag: "win", form: "switch", help: "every ticket wins, and the winner is redeemed before your eyes" },
  { flag: "logLevel", form: "text", help: "what the nodes keep in their logs [info]" },
];

/** All nodes together get this long to stop; each is given less. */
const STOP_LIMIT = ms(25_000);

/** A network on this machine, one job through it, and its story. Keeps running until told to stop, unless `-once`. */
export async function demoCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const parsed = parseFlags(argv, [], machineSurroundings(process.cwd()), flags);
  if (parsed.asksForHelp) {
    terminal.result(
      ["usage: rivulet demo [flags]", "", ...flags.map(({ flag, help }) => `  -${flag.padEnd(10)} ${help}`)].join("\n"),
    );
    return 0;
  }
  if (parsed.problems.length > 0) throw new RivuletError("config.invalid", { problems: parsed.problems });
  const { own: options } = parsed;
  const shown = chosenDemonstrations(options.get("only"));
  const starters = findStarterModels().filter(({ pipeline }) =>
    shown.some((demonstration) => demonstration.pipeline === pipeline),
  );
  const first = shown.find(({ pipeline }) => starters.some((starter) => starter.pipeline === pipeline));
  if (first === undefined) throw new RivuletError("node.cannot-start", { reason: "no starter model is installed" });

  const money = moneyOf(options);
  const progress = new ProgressLines(terminal.screen, systemClock);
  const network = new LocalNetwork(
    {
      models: starters,
      program: [process.execPath, fileURLToPath(new URL("../main.ts", import.meta.url))],
      env: process.env,
      logLevel: String(options.get("logLevel") ?? "info"),
      money,
    },
    { progress, randomness: secureRandomness, clock: systemClock },
  );
  const log = createLogger({ level: "warn", format: "lines" });
  const ports = { process, log, abandon: () => network.abandon() };
  return runUntilStopped(network, { limit: STOP_LIMIT, withParent: false }, ports, async (stopping) => {
    await progress.step(
      "loading the models",
      () => network.warm(stopping),
      () => `(${network.missing} to go)`,
    );
    for (const { name, address, how } of network.orchestrators)
      terminal.say(`orchestrator ${name}  ${address}  ${how}`);
    terminal.say(`gateway         ${network.gateway}\n`);
    const answer = await progress.step(`drawing ${first.title}`, () => ask(network.gateway, first, stopping));
    const job = await network.storyOf(answer.requestId, stopping);
    const payment = await progress.step("waiting for the winner to be redeemed", () =>
      network.paymentOf(job, stopping),
    );
    const picture = save(answer, first, options.get("output"));
    const { orchestrators } = network;
    for (const line of story({ title: first.title, orchestrators, job, answer, payment, picture })) terminal.say(line);
    terminal.say(`\nTry another:\n  ${curlLine(network.gateway, first)}\n`);
    if (options.get("json") === true)
      terminal.result(JSON.stringify(summary(answer, picture, payment, network.gateway), withBigints));
    if (options.get("once") === true) return 0;
    terminal.say("The network runs until you press Ctrl-C.");
    return undefined;
  });
}

function chosenDemonstrations(only: string | boolean | undefined): readonly Demonstration[] {
  if (only === undefined) return demonstrations;
  const found = demonstrations.filter(({ pipeline }) => pipeline === only);
  if (found.length > 0) return found;
  const names = demonstrations.map(({ pipeline }) => pipeline);
  const message = `nothing is shown for ${only}${suggestion(String(only), names)} (there is: ${names.join(", ")})`;
  throw new RivuletError("config.invalid", { problems: [{ path: "-only", message }] });
}

function save(answer: Answer, demonstration: Demonstration, output: string | boolean | undefined): string {
  const file = resolve(
    typeof output === "string" ? output : join("out", `${demonstration.pipeline}-${answer.seed}.png`),
  );
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, answer.file);
  } catch (error) {
    throw new RivuletError(
      "node.cannot-start",
      { reason: `the picture cannot be written: ${String(error)}` },
      { cause: error },
    );
  }
  return file;
}

function summary(
  answer: Answer,
  picture: string,
  payment: LocalPayment | undefined,
  gateway: string,
): Record<string, unknown> {
  const { seed, orchestrator, timings } = answer;
  const paid = payment === undefined ? {} : { payment };
  return { picture, seed, orchestrator, warm: wasWarm(answer), timings, gateway, ...paid };
}

function moneyOf(options: ReadonlyMap<string, string | boolean>): LocalMoneyOptions | undefined {
  const network = options.get("network") ?? "local";
  const wins = options.get("win") === true;
  if (network === "local") return { wins };
  const problem =
    network !== "offchain"
      ? { path: "-network", message: "the demonstration runs on local or offchain" }
      : wins
        ? { path: "-win", message: "there are no tickets on -network offchain" }
        : undefined;
  if (problem !== undefined) throw new RivuletError("config.invalid", { problems: [problem] });
  return undefined;
}

function withBigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

function curlLine(gateway: string, { pipeline, next }: Demonstration): string {
  return `curl ${gateway}/${pipeline} -H 'Content-Type: application/json' -d '${JSON.stringify(next)}'`;
}
