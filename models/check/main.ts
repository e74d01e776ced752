/**
 * How good the starter models are, through the product's own engine: `npm run models:check`.
 *
 *     npm run models:check                                  every starter model, all its cases
 *     npm run models:check -- text-to-image --cases 40      some pipelines, fewer cases
 *     npm run models:check -- --json                        the last line of standard output is one JSON object
 *
 * Leaves a contact sheet, right pictures framed in green and wrong ones in red, where `--sheet` says. Exits with 1 when a
 * goal is missed. Checks have flags of their own: `--help` lists them.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Band, contactSheet } from "./contact-sheet.ts";
import { findChecks } from "./find-checks.ts";
import { type CheckResult, isReached } from "./starter-check.ts";
import { tableOf } from "./table.ts";

const checks = await findChecks();
const own = checks.flatMap(({ flags = [] }) => flags);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: "string" },
    sheet: { type: "string", default: join(tmpdir(), "rivulet-models-check.png") },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    ...Object.fromEntries(own.map((flag) => [flag, { type: "string" as const }])),
  },
});
const names = checks.map(({ pipeline }) => pipeline);
const unknown = positionals.filter((name) => !names.some((known) => known === name));
const cases = values.cases === undefined ? undefined : Number(values.cases);

if (values.help || unknown.length > 0 || (cases !== undefined && !(Number.isSafeInteger(cases) && cases > 0))) {
  process.stderr.write(`${usage()}\n`);
  process.exitCode = values.help ? 0 : 2;
} else process.exitCode = await checkAll();

async function checkAll(): Promise<number> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("interrupted")));
  const said: Readonly<Record<string, unknown>> = values;
  const flags = new Map(own.flatMap((flag) => (said[flag] === undefined ? [] : [[flag, String(said[flag])] as const])));
  const results: Record<string, CheckResult & { readonly isGood: boolean }> = {};
  const bands: Band[] = [];
  for (const check of checks) {
    const { pipeline } = check;
    if (positionals.length > 0 && !positionals.includes(pipeline)) continue;
    const result = await check.run({
      ...(cases === undefined ? {} : { cases }),
      flags,
      onProgress: (text) => process.stderr.write(`${pipeline}: ${text}\n`),
      signal: stop.signal,
    });
    results[pipeline] = { ...result, isGood: result.figures.every(isReached) };
    bands.push({ title: pipeline, tiles: result.tiles });
    for (const line of result.wrong) process.stderr.write(`wrong: ${line}\n`);
    process.stderr.write(`\n${tableOf(pipeline, result.figures)}\n\n`);
  }
  const isGood = Object.values(results).every((result) => result.isGood);
  const sheet = bands.some(({ tiles }) => tiles.length > 0) ? resolve(values.sheet) : undefined;
  if (sheet !== undefined) {
    await mkdir(dirname(sheet), { recursive: true });
    await writeFile(sheet, await contactSheet(bands));
    process.stderr.write(`contact sheet: ${sheet}\n`);
  }
  if (values.json) {
    const pipelines = Object.fromEntries(
      Object.entries(results).map(([name, { isGood, figures, wrong }]) => [name, { isGood, figures, wrong }]),
    );
    process.stdout.write(`${JSON.stringify({ isGood, pipelines, sheet })}\n`);
  }
  return isGood ? 0 : 1;
}

function usage(): string {
  const lines = checks.map(
    ({ pipeline, flags = [] }) => `  ${pipeline}${flags.map((flag) => ` [--${flag} VALUE]`).join("")}`,
  );
  return ["usage: npm run models:check -- [PIPELINE …] [--cases N] [--sheet FILE] [--json]", ...lines].join("\n");
}
