import type { Screen } from "@rivulet/node";
import { isError } from "@rivulet/primitives";

/** Where a command speaks: results on standard output, everything else on standard error. */
export interface Terminal {
  readonly screen: Screen;
  result(line: string): void;
  say(line: string): void;
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  return {
    screen: { isTTY: stderr.isTTY, write: (text) => stderr.write(text) },
    result: (line) => stdout.write(`${line}\n`),
    say: (line) => stderr.write(`${line}\n`),
  };
}

/** Exit codes: 1 for the world, 2 for what was written wrongly. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** Tells a person what went wrong and returns the exit code. What is not ours is a bug: it keeps its stack. */
export function tellFailure(error: unknown, terminal: Terminal): number {
  if (isError(error, "config.invalid")) {
    terminal.say("the configuration has problems:");
    for (const { path, message } of error.facts.problems) terminal.say(`  ${path}: ${message}`);
    return EXIT_USAGE;
  }
  if (isError(error)) {
    terminal.say(`rivulet: ${error.message}`);
    return EXIT_FAILED;
  }
  throw error;
}
