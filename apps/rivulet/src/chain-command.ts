import {
  accessChain,
  accountOf,
  ChainAccount,
  ChainReader,
  type CommandSettings,
  commandSettings,
  configureCommand,
  createLogger,
  helpLines,
  type OwnFlag,
  openKey,
  type Step,
  suggestion,
  systemClock,
} from "@rivulet/node";
import { RivuletError } from "@rivulet/primitives";
import { amountText } from "./amounts.ts";
import type { Terminal } from "./terminal.ts";

/** What a command found out or did: lines for people, the same as one object for programs. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly json: Readonly<Record<string, unknown>>;
  /** 0 unless said otherwise. */
  readonly exitCode?: number;
}

/** One form of a command, such as `wallet create`. */
export interface CommandForm {
  /** What follows the name, for people: `AMOUNT`. */
  readonly usage?: string;
  readonly about: string;
  run(words: readonly string[], context: CommandContext): Promise<Outcome>;
}

/** A command that deals with the chain, or with the books of a node. */
export interface ChainCommand {
  readonly name: string;
  /** Flags of its own, besides those of its sections. */
  readonly flags?: readonly OwnFlag[];
  /** Sections of the configuration that count; `chain` unless said otherwise. */
  readonly sections?: readonly string[];
  /** By the word after the command; `""` is the command with none of the others. */
  readonly forms: Readonly<Record<string, CommandForm>>;
}

/** Flags that all of them have. */
const shared: readonly OwnFlag[] = [{ flag: "json", form: "switch", help: "tell it as one JSON object" }];

/** What a form may use. The chain is reached when it is asked for. */
export class CommandContext {
  readonly settings: CommandSettings["settings"];
  readonly prices: CommandSettings["prices"];
  readonly #own: CommandSettings["own"];
  readonly #log = createLogger({ level: "warn", format: "lines" });

  constructor({ settings, prices, own }: CommandSettings) {
    this.settings = settings;
    this.prices = prices;
    this.#own = own;
  }

  get ports() {
    return { clock: systemClock, log: this.#log };
  }

  /** The text after a flag of the command's own. */
  text(flag: string): string | undefined {
    const value = this.#own.get(flag);
    return typeof value === "string" ? value : undefined;
  }

  has(flag: string): boolean {
    return this.#own.get(flag) === true;
  }

  /** The chain, for questions. */
  chain() {
    return accessChain(this.settings, undefined, this.ports);
  }

  async reader(): Promise<ChainReader> {
    return new ChainReader(await this.chain());
  }

  /** The node's account with its key. */
  async account(): Promise<ChainAccount> {
    const key = await openKey(this.settings.chain);
    return new ChainAccount(await accessChain(this.settings, key, this.ports));
  }

  /** Whom to look at: whoever `-of` names, else the node's own account, which needs no passphrase. */
  whom() {
    return accountOf(this.settings.chain, this.text("of"));
  }
}

/** Runs a command line of such a command. */
export async function runChainCommand(
  command: ChainCommand,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const first = argv.findIndex((word) => word.startsWith("-"));
  const words = first < 0 ? argv : argv.slice(0, first);
  const flags = [...(command.flags ?? []), ...shared];
  const sections = command.sections ?? ["chain"];
  const told = configureCommand(argv.slice(words.length), sections, flags);
  if (told === undefined || words[0] === "help") {
    terminal.result(helpOf(command, flags, sections).join("\n"));
    return 0;
  }
  const [form, rest] = formOf(command, words);
  const { lines, json, exitCode } = await form.run(rest, new CommandContext(told));
  if (told.own.get("json") === true) terminal.result(JSON.stringify(json, withBigints));
  else for (const line of lines) terminal.result(line);
  return exitCode ?? 0;
}

/** What transactions did, a line each. */
export function stepLines(steps: readonly Step[]): readonly string[] {
  return steps.map(({ what, receipt }) => `${what}: ${receipt.transaction}, gas ${amountText(receipt.gasCost, "ETH")}`);
}

export function stepsJson(steps: readonly Step[]): readonly Readonly<Record<string, unknown>>[] {
  return steps.map(({ what, receipt: { transaction, gasCost } }) => ({ what, transaction, gasCost }));
}

/** Rows of a name and a value, the values under each other. */
export function table(rows: readonly (readonly [name: string, value: string])[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

function formOf({ name, forms }: ChainCommand, words: readonly string[]): readonly [CommandForm, readonly string[]] {
  const [word = "", ...rest] = words;
  const named = word === "" ? undefined : forms[word];
  if (named !== undefined) return [named, rest];
  const alone = forms[""];
  if (alone !== undefined && (word === "" || alone.usage !== undefined)) return [alone, words];
  const names = Object.keys(forms).filter((each) => each !== "");
  const message =
    word === "" ? `say which: ${names.join(", ")}` : `there is no ${name} ${word}${suggestion(word, names)}`;
  throw new RivuletError("config.invalid", { problems: [{ path: name, message }] });
}

function helpOf(command: ChainCommand, flags: readonly OwnFlag[], sections: readonly string[]): readonly string[] {
  const forms = Object.entries(command.forms).map(([word, { usage, about }]) => {
    const line = ["rivulet", command.name, word, usage ?? ""].filter((part) => part !== "").join(" ");
    return [line, about] as const;
  });
  const own = flags.map(({ flag, form, help }) => [`-${flag}${form === "text" ? " VALUE" : ""}`, help] as const);
  return [
    `usage: rivulet ${command.name} … [flags]`,
    "",
    ...indented(forms),
    "",
    ...indented(own),
    "",
    ...helpLines(commandSettings(sections)),
  ];
}

function indented(rows: readonly (readonly [string, string])[]): readonly string[] {
  return table(rows).map((line) => `  ${line}`);
}

function withBigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}
