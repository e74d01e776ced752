import type { Readable } from "node:stream";
import type { LogFields, Logger } from "@rivulet/primitives";
import type { LogLevel } from "./system.ts";

/** Enough for a stack trace; what a process writes beyond it in one line is cut. */
const MAX_LINE_CHARS = 4096;
/** Where in the program something happened, of JavaScript or of native code; what happened is said before. */
const STACK_FRAME = /^\s*(?:at |\d+: 0x[\da-f]+ )/;
/** The last lines of plain text that are kept to explain how a process ended. */
const MAX_TAIL_LINES = 8;

/**
 * What a child process writes to standard error: events of our own loggers go to `log`, anything else is plain text, of
 * which the end is kept to explain how the process ended.
 */
export class ProcessOutput {
  readonly #log: Logger;
  readonly #tail: string[] = [];
  #partial = "";
  #lastError: string | undefined;

  constructor(stream: Readable, log: Logger) {
    this.#log = log;
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => this.#push(text));
    stream.on("error", () => stream.destroy());
  }

  /** The last lines that were not events, in one line. */
  get tail(): string {
    return [...this.#tail, this.#partial].filter((line) => line.trim() !== "").join(" | ");
  }

  /** The last event that was an error. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  #push(text: string): void {
    const lines = (this.#partial + text).split("\n");
    this.#partial = (lines.pop() ?? "").slice(0, MAX_LINE_CHARS);
    for (const line of lines) this.#line(line.slice(0, MAX_LINE_CHARS));
  }

  #line(line: string): void {
    const event = parseEvent(line);
    if (event === undefined) {
      if (!STACK_FRAME.test(line)) this.#tail.push(line);
    } else {
      this.#log[event.level](event.event, event.fields);
      if (event.level === "error")
        this.#lastError = `${event.event}: ${event.fields["reason"] ?? "for no known reason"}`;
    }
    if (this.#tail.length > MAX_TAIL_LINES) this.#tail.shift();
  }
}

function parseEvent(line: string): { level: LogLevel; event: string; fields: LogFields } | undefined {
  if (!line.startsWith('{"level":')) return undefined;
  try {
    const { level, event, ...fields } = JSON.parse(line);
    return isLevel(level) && typeof event === "string" ? { level, event, fields } : undefined;
  } catch {
    return undefined; // a line that was cut: plain text then
  }
}

function isLevel(value: unknown): value is LogLevel {
  return value === "debug" || value === "info" || value === "warn" || value === "error";
}
