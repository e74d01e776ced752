import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
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
  type StarterModel,
  secureRandomness,
  suggestion,
  systemClock,
} from "@rivulet/node";
import { isError, ms, orAborted, RivuletError } from "@rivulet/primitives";
import { type Answer, ask } from "../demo/ask.ts";
import { curlLine } from "../demo/curl.ts";
import { type Demonstration, demonstrations, possible, withSources } from "../demo/demonstration.ts";
import { type Missed, page, type Shown } from "../demo/page.ts";
import { filesToSend, saveAnswer, write } from "../demo/results.ts";
import { shortStory, story, titleOf, wasWarm } from "../demo/story.ts";
import type { Terminal } from "../terminal.ts";

const flags: readonly OwnFlag[] = [
  { flag: "once", form: "switch", help: "end when everything has been shown, with 0" },
  { flag: "only", form: "text", help: "one pipeline, by name, and those whose results it works on" },
  {
    flag: "json",
    form: "switch",
    help: "the last line on standard output is one JSON object: npm -s start -- --once --json | jq",
  },
  { flag: "folder", form: "text", help: "where results and index.html go [out/DATE-TIME]" },
  { flag: "output", form: "text", help: "file the first picture is also written to" },
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

/**
 * A network on this machine, a job of every pipeline that has a starter model, and their story. Keeps running until told
 * to stop, unless `-once`; then 1 says that something could not be shown.
 */
export async function demoCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  const parsed = parseFlags(argv, [], machineSurroundings(process.cwd()), flags);
  if (parsed.asksForHelp) {
    terminal.result(
      [
        `usage: ${typed(process.env)} [flags]`,
        "",
        ...flags.map(({ flag, help }) => `  -${flag.padEnd(10)} ${help}`),
      ].join("\n"),
    );
    return 0;
  }
  if (parsed.problems.length > 0) throw new RivuletError("config.invalid", { problems: parsed.problems });
  const { own: options } = parsed;
  const starters = findStarterModels();
  const plan = planOf(options.get("only"), starters);
  const folder = resolve(textOf(options, "folder") ?? join("out", timeName(new Date(systemClock.now()))));

  const money = moneyOf(options);
  const progress = new ProgressLines(terminal.screen, systemClock);
  const isFirst = ({ pipeline }: StarterModel) => pipeline === plan[0]?.pipeline;
  const network = new LocalNetwork(
    {
      // A machine of two cores starts one model quickly, and nine not: the others are loaded by the jobs that need them.
      models: starters
        .filter(({ pipeline }) => plan.some((each) => each.pipeline === pipeline))
        .map((model) => ({ ...model, isWarm: isFirst(model) })),
      program: [process.execPath, fileURLToPath(new URL("../main.ts", import.meta.url))],
      env: process.env,
      logLevel: textOf(options, "logLevel") ?? "info",
      money,
    },
    { progress, randomness: secureRandomness, clock: systemClock },
  );
  const log = createLogger({ level: "warn", format: "lines" });
  const ports = { process, log, abandon: () => network.abandon() };
  const show = async (signal: AbortSignal) => {
    await progress.step(
      "loading the models",
      () => network.warm(signal),
      () => `(${network.missing} to go)`,
    );
    for (const { name, address, how } of network.orchestrators)
      terminal.say(`orchestrator ${name}  ${address}  ${how}`);
    terminal.say(`gateway         ${network.gateway}\n`);

    const exhibition = new Exhibition(network, folder, terminal, progress);
    for (const demonstration of plan) await exhibition.show(demonstration, signal);
    const { shown, missed } = exhibition;
    const { gateway, orchestrators } = network;
    const index = write(join(folder, "index.html"), page({ shown, missed, orchestrators, gateway }));
    const picture = firstPicture(shown);
    const copy = textOf(options, "output");
    const output = copy === undefined || picture === undefined ? undefined : write(resolve(copy), picture.bytes);

    const [first] = plan;
    if (first !== undefined)
      terminal.say(`Try another:\n  ${curlLine(gateway, first, first.next, exhibition.sent(first))}`);
    terminal.say(`\nSee everything:\n  ${pathToFileURL(index)}\n`);
    if (options.get("json") === true) {
      const summary = { ...summaryOf(exhibition, output ?? picture?.path, gateway), folder, page: index };
      terminal.result(JSON.stringify(summary, withBigints));
    }
    if (options.get("once") === true) return missed.length === 0 ? 0 : 1;
    terminal.say("The network runs until you press Ctrl-C.");
    return orAborted(new Promise<never>(() => {}), signal);
  };
  return runUntilStopped(network, { limit: STOP_LIMIT, withParent: false }, ports, (stopping) =>
    network.use(show, stopping),
  );
}

/** Shows one demonstration after the other; each may send what those before it were answered. */
class Exhibition {
  readonly shown: Shown[] = [];
  readonly missed: Missed[] = [];
  readonly #network: LocalNetwork;
  readonly #folder: string;
  readonly #terminal: Terminal;
  readonly #progress: ProgressLines;

  constructor(network: LocalNetwork, folder: string, terminal: Terminal, progress: ProgressLines) {
    this.#network = network;
    this.#folder = folder;
    this.#terminal = terminal;
    this.#progress = progress;
  }

  /** What fails is told and kept as missed: the others are shown all the same, as long as there is a gateway to ask. */
  async show(demonstration: Demonstration, stopping: AbortSignal): Promise<void> {
    try {
      await this.#show(demonstration, stopping);
    } catch (error) {
      if (!isError(error) || isError(error, "peer.unreachable") || stopping.aborted) throw error;
      this.missed.push({ demonstration, reason: error.message });
      this.#terminal.say(`${titleOf(demonstration)}\n  failed     ${error.message}\n`);
    }
  }

  /** For each field that takes a file, where the file that is sent lies. */
  sent({ files }: Demonstration): ReadonlyMap<string, string> {
    const pathOf = (source: string) =>
      this.shown.find(({ demonstration }) => demonstration.pipeline === source)?.saved[0]?.path ?? "";
    return new Map(Object.entries(files).map(([field, source]) => [field, pathOf(source)]));
  }

  async #show(demonstration: Demonstration, stopping: AbortSignal): Promise<void> {
    const network = this.#network;
    const answers = new Map(this.shown.map((each) => [each.demonstration.pipeline, each.answer] as const));
    const files = filesToSend(demonstration, answers);
    if (files === undefined)
      throw new RivuletError("node.cannot-start", {
        reason: `${demonstration.pipeline} needs the result of ${Object.values(demonstration.files).join(", ")}`,
      });
    const answer = await this.#progress.step(demonstration.pipeline, () =>
      ask(network.gateway, demonstration, files, stopping),
    );
    const job = await network.storyOf(answer.requestId, stopping);
    const payment = await this.#progress.step("waiting for the winner to be redeemed", () =>
      network.paymentOf(job, stopping),
    );
    const saved = saveAnswer(this.#folder, demonstration, answer);
    const tell = this.shown.length === 0 ? story : shortStory;
    this.shown.push({ demonstration, answer, payment, saved });
    const { orchestrators } = network;
    const lines = tell({ demonstration, orchestrators, job, answer, payment, saved });
    this.#terminal.say(`${lines.join("\n")}\n`);
  }
}

/** What stands before the flags: whoever says `npm start` has never heard of `rivulet demo`. */
function typed(env: Readonly<Record<string, string | undefined>>): string {
  return env["npm_lifecycle_event"] === "start" ? "npm start --" : "rivulet demo";
}

/** What is shown: everything there is a model for, or one pipeline and what it works on. */
function planOf(only: string | boolean | undefined, starters: readonly StarterModel[]): readonly Demonstration[] {
  const names = demonstrations.map(({ pipeline }) => pipeline);
  const wanted = names.find((name) => name === only);
  if (only !== undefined && wanted === undefined) {
    const message = `nothing is shown for ${only}${suggestion(String(only), names)} (there is: ${names.join(", ")})`;
    throw new RivuletError("config.invalid", { problems: [{ path: "-only", message }] });
  }
  const chosen = wanted === undefined ? demonstrations : withSources(wanted, demonstrations);
  const plan = possible(chosen, (pipeline) => starters.some((starter) => starter.pipeline === pipeline));
  const isShown = wanted === undefined ? plan.length > 0 : plan.some(({ pipeline }) => pipeline === wanted);
  if (!isShown)
    throw new RivuletError("node.cannot-start", {
      reason: `no starter model is installed${wanted === undefined ? "" : ` for ${wanted}, or for what it works on`}`,
    });
  return plan;
}

function firstPicture(shown: readonly Shown[]): { readonly path: string; readonly bytes: Uint8Array } | undefined {
  const [first] = shown;
  const file = first?.saved[0];
  if (first === undefined || file?.kind !== "picture") return undefined;
  return { path: file.path, bytes: first.answer.files[0]?.bytes ?? new Uint8Array() };
}

/** What programs read: the first job's fields on the outside, every job by the name of its pipeline within. */
function summaryOf({ shown, missed }: Exhibition, picture: string | undefined, gateway: string) {
  const jobOf = ({ answer, payment }: { readonly answer: Answer; readonly payment?: LocalPayment | undefined }) => {
    const { seed, orchestrator, timings } = answer;
    return { seed, orchestrator, warm: wasWarm(answer), timings, payment };
  };
  const done = shown.map(({ demonstration, answer, payment, saved }) => {
    const files = saved.map(({ path }) => path);
    const job = { ok: true, files, text: answer.words, latencyMs: Math.round(answer.tookMs) };
    return [demonstration.pipeline, { ...job, ...jobOf({ answer, payment }) }] as const;
  });
  const failed = missed.map(({ demonstration, reason }) => [demonstration.pipeline, { ok: false, reason }] as const);
  const [first] = shown;
  return {
    picture,
    ...(first === undefined ? {} : jobOf(first)),
    gateway,
    pipelines: Object.fromEntries([...done, ...failed]),
  };
}

/** A name for a folder that sorts by time: `20261121-174003`, in the machine's own time. */
function timeName(date: Date): string {
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  const [month, day, ...time] = parts.map((part) => `${part}`.padStart(2, "0"));
  return `${date.getFullYear()}${month}${day}-${time.join("")}`;
}

function textOf(options: ReadonlyMap<string, string | boolean>, flag: string): string | undefined {
  const value = options.get(flag);
  return typeof value === "string" ? value : undefined;
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
