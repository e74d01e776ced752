import type { LogFields, Logger } from "@rivulet/primitives";
import { type Logger as PinoLogger, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Lines for people, or one JSON object a line for machines. */
export type LogFormat = "lines" | "json";

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where the lines go; standard error when left out. */
  readonly write?: (text: string) => void;
}

/** The node's logger. Everything goes to standard error, because standard output belongs to results. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? ((text: string) => process.stderr.write(text));
  if (options.format === "lines") return new LineLogger(options.level, write, {});
  const stream = options.write === undefined ? new StandardError() : { write, flush: () => {} };
  const logger = pino(
    { level: options.level, base: null, messageKey: "event", formatters: { level: (level) => ({ level }) } },
    stream,
  );
  return new PinoAdapter(logger, () => stream.flush());
}

/** Writes what is said in one turn of the event loop at once: a line a job would cost more than what it tells of. */
class StandardError {
  #unwritten = "";

  constructor() {
    process.once("exit", () => this.flush());
    // Whoever read the lines is gone: no reason for the node to fail.
    process.stderr.on("error", () => {});
  }

  write(line: string): void {
    if (this.#unwritten === "") setImmediate(() => this.flush());
    this.#unwritten += line;
  }

  flush(): void {
    const text = this.#unwritten;
    this.#unwritten = "";
    if (text !== "") process.stderr.write(text);
  }
}

class PinoAdapter implements Logger {
  readonly #pino: PinoLogger;
  readonly #flush: () => void;

  constructor(logger: PinoLogger, flush: () => void) {
    this.#pino = logger;
    this.#flush = flush;
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(plain(fields), event);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(plain(fields), event);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#pino.warn(plain(fields), event);
    this.#flush();
  }

  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(plain(fields), event);
    this.#flush();
  }

  child(fields: LogFields): Logger {
    return new PinoAdapter(this.#pino.child(plain(fields)), this.#flush);
  }
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** `12:03:44 warn orchestrator suspended  orchestrator=https://… reason=peer.failed` */
class LineLogger implements Logger {
  readonly #level: LogLevel;
  readonly #write: (text: string) => void;
  readonly #fields: LogFields;

  constructor(level: LogLevel, write: (text: string) => void, fields: LogFields) {
    this.#level = level;
    this.#write = write;
    this.#fields = fields;
  }

  debug(event: string, fields?: LogFields): void {
    this.#line("debug", event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#line("info", event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#line("warn", event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#line("error", event, fields);
  }

  child(fields: LogFields): Logger {
    return new LineLogger(this.#level, this.#write, { ...this.#fields, ...fields });
  }

  #line(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#level)) return;
    const told = Object.entries({ ...this.#fields, ...fields }).filter(([, value]) => value !== undefined);
    const facts = told.map(([name, value]) => ` ${name}=${shown(value)}`).join("");
    const time = new Date().toTimeString().slice(0, 8);
    this.#write(`${time} ${level === "info" ? "" : `${level} `}${event}${facts === "" ? "" : ` ${facts}`}\n`);
  }
}

function shown(value: LogFields[string]): string {
  const text = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(1) : String(value);
  return /[\s"]/.test(text) ? JSON.stringify(text) : text;
}

/** JSON has no bigint. */
function plain(fields: LogFields): Record<string, string | number | boolean | undefined> {
  const written: Record<string, string | number | boolean | undefined> = {};
  for (const name in fields) {
    const value = fields[name];
    written[name] = typeof value === "bigint" ? value.toString() : value;
  }
  return written;
}
