import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createLogger,
  findStarterModels,
  LocalNetwork,
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
  { flag: "logLevel", form: "text", help: "what the nodes keep in their logs [info]" },
];

/** All nodes together get this long to stop; each is given less. */
const STOP_LIMIT = ms(25_000);

/** A network on this machine, one job through it, and its story. Keeps running until told to stop, unless `-once`. */
export async function demoCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const parsed = parseFlags(argv, [], machineSurroundings(process.cwd()), flags);
  if (parsed.asksForHelp) {
    terminal.result(
      ["usage: rivulet demo [flags]", "", ...flags.map(({ flag, help }) => `  -${flag.padEnd(9)} ${help}`)].join("\n"),
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

  const progress = new ProgressLines(terminal.screen, systemClock);
  const network = new LocalNetwork(
    {
      models: starters,
      program: [process.execPath, fileURLToPath(new URL("../main.ts", import.meta.url))],
      env: process.env,
      logLevel: String(options.get("logLevel") ?? "info"),
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
    const picture = save(answer, first, options.get("output"));
    const { orchestrators } = network;
    for (const line of story({ title: first.title, orchestrators, job, answer, picture })) terminal.say(line);
    terminal.say(`\nTry another:\n  ${curlLine(network.gateway, first)}\n`);
    if (options.get("json") === true) terminal.result(JSON.stringify(summary(answer, picture, network.gateway)));
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

function summary(answer: Answer, picture: string, gateway: string): Record<string, unknown> {
  const { seed, orchestrator, timings } = answer;
  return { picture, seed, orchestrator, warm: wasWarm(answer), timings, gateway };
}

function curlLine(gateway: string, { pipeline, next }: Demonstration): string {
  return `curl ${gateway}/${pipeline} -H 'Content-Type: application/json' -d '${JSON.stringify(next)}'`;
}
