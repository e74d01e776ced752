import { PassThrough } from "node:stream";
import { type LogFields, type Logger, silentLogger } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { ProcessOutput } from "./process-output.ts";

function outputOf(...pieces: string[]) {
  const events: [string, LogFields | undefined][] = [];
  const log: Logger = { ...silentLogger, info: (event, fields) => void events.push([event, fields]) };
  const stream = new PassThrough();
  const output = new ProcessOutput(stream, log);
  for (const piece of pieces) stream.emit("data", piece);
  return { events, output };
}

test("events of our own loggers are passed on, wherever the text is cut", () => {
  const { events, output } = outputOf(
    '{"level":"info","event":"model re',
    'ady","tookMs":12}\n{"level":"info","event":"b"}\n',
  );
  expect(events).toEqual([
    ["model ready", { tookMs: 12 }],
    ["b", {}],
  ]);
  expect(output.tail).toBe("");
});

test("of plain text the last lines are kept, cut to a bearable length", () => {
  const { output } = outputOf(...Array.from({ length: 20 }, (_, i) => `line ${i}\n`), "x".repeat(10_000));
  expect(output.tail).toMatch(/^line 12 \| .* \| line 19 \| x+$/);
  expect(output.tail.length).toBeLessThan(5000);
});

test("how a process came to its end does not push out why", () => {
  const { output } = outputOf(
    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n",
    ...Array.from({ length: 20 }, (_, i) => `${i + 1}: 0x931db0  [node]\n    at run (file:///main.ts:${i}:1)\n`),
  );
  expect(output.tail).toMatch(/^FATAL ERROR: .*out of memory \| -+ Native stack trace -+$/);
});

test("the last error is remembered with its reason", () => {
  const { output } = outputOf(
    '{"level":"error","event":"cannot start","reason":"port taken"}\n{"level":"info","event":"bye"}\n',
  );
  expect(output.lastError).toBe("cannot start: port taken");
});
