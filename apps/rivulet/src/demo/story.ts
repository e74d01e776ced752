import { relative } from "node:path";
import type { JobStory, LocalBalances, LocalOrchestrator, LocalPayment } from "@rivulet/node";
import { readableWei } from "../amounts.ts";
import type { Answer, Timings } from "./ask.ts";
import type { Demonstration } from "./demonstration.ts";
import type { SavedFile } from "./results.ts";

/** Everything the story of one job is told from. */
export interface Told {
  readonly demonstration: Demonstration;
  readonly orchestrators: readonly LocalOrchestrator[];
  readonly job: JobStory;
  readonly answer: Answer;
  /** Absent where nobody pays. */
  readonly payment?: LocalPayment | undefined;
  readonly saved: readonly SavedFile[];
}

/** Tells what happened, a few lines for people. Names carry it; numbers stand behind. */
export function story(told: Told): readonly string[] {
  const { demonstration, orchestrators, job, answer, payment } = told;
  const nameOf = namesOf(orchestrators);
  const chosen = job.attempts.at(-1);
  const how = orchestrators.find(({ address }) => address === chosen?.orchestrator)?.how ?? "";
  const found = job.considered
    .map(({ orchestrator, isWarm, state }) => `${nameOf(orchestrator)} (${isWarm ? "warm" : "cold"}, ${state})`)
    .sort();
  return [
    titleOf(demonstration),
    `  found      ${found.length === 1 ? "orchestrator" : "orchestrators"} ${found.join(", ")}`,
    `  chosen     orchestrator ${nameOf(answer.orchestrator)}: ${reasonOf(job)}; ${how}`,
    `  took       ${tookText(answer)}`,
    ...(payment === undefined ? [] : paymentLines(payment, demonstration)),
    ...resultLines(told),
  ];
}

/** The same in three lines, where the long story has just been told of another job. */
export function shortStory(told: Told): readonly string[] {
  const { demonstration, orchestrators, answer, payment } = told;
  const at = namesOf(orchestrators)(answer.orchestrator);
  const redeemed = payment?.redeemed.length ?? 0;
  const won = redeemed === 0 ? "" : `; ${redeemed === 1 ? "a winner" : `${redeemed} winners`} redeemed`;
  return [
    titleOf(demonstration),
    `  took       ${seconds(answer.tookMs)} at orchestrator ${at}: ${partsOf(answer.timings)}`,
    ...(payment === undefined ? [] : [`  paid       ${paidText(payment, demonstration)}${won}`]),
    ...resultLines(told),
  ];
}

/** What was asked for, in a line. */
export function titleOf({ title, subject, files }: Demonstration): string {
  const sources = Object.values(files);
  const from = sources.length === 0 ? "" : ` (from ${sources.join(", ")})`;
  return `${title}${subject === undefined ? "" : `: "${subject}"`}${from}`;
}

/** Whether the model was in memory when the job came. */
export function wasWarm(answer: Answer): boolean {
  return (answer.timings["load"] ?? 0) === 0;
}

/** How long a job took, and what of it where. */
export function tookText({ tookMs, timings }: Answer): string {
  return `${seconds(tookMs)}: ${partsOf(timings)}`;
}

/** What was paid and what it was paid with. */
export function paidText({ price, units, fee, tickets, expectedValue }: LocalPayment, { unit }: Demonstration): string {
  const count = tickets === 1 ? "one ticket" : `${tickets} tickets`;
  const paidWith =
    tickets === 0
      ? "from what was left of earlier tickets"
      : `with ${count} worth ${readableWei(expectedValue)} on average`;
  return `${readableWei(fee)}, ${units} ${WORDS[unit]} at ${readableWei(price)}, ${paidWith}`;
}

const WORDS: Readonly<Record<Demonstration["unit"], string>> = {
  pixel: "pixels",
  "audio-ms": "milliseconds",
  token: "tokens",
  millicharacter: "thousandths of a character",
  second: "seconds",
};

function namesOf(orchestrators: readonly LocalOrchestrator[]): (address: string) => string {
  return (address) => orchestrators.find((each) => each.address === address)?.name ?? address;
}

function resultLines({ answer, saved }: Told): readonly string[] {
  return [
    ...(answer.seed === undefined ? [] : [`  seed       ${answer.seed}`]),
    ...(answer.words === undefined ? [] : [`  says       ${answer.words}`]),
    ...saved.map(({ kind, path }) => `  ${kind.padEnd(10)} ${relative(process.cwd(), path) || path}`),
  ];
}

function reasonOf({ attempts, considered }: JobStory): string {
  const last = attempts.at(-1);
  const others = attempts.length - 1;
  const after = others > 0 ? ` after ${others} that failed` : "";
  if (last?.why === "cold-none-warm") return `nobody had the model in memory, so it loads it${after}`;
  if (last?.why === "cold-warm-full") return `those with the model in memory were full, so it loads it${after}`;
  if (last?.draw !== undefined) return `drawn among ${considered.length} by stake, price, speed and chance${after}`;
  const ready = considered.filter(({ isWarm, state }) => isWarm && state === "free");
  if (ready.length < 2) return `the only free one with the model in memory${after}`;
  const rank = ready.every(({ score }) => score === 0)
    ? "none has a record yet, so the first in line"
    : "the one with the best record";
  return `${ready.length} have the model in memory and are free; ${rank}${after}`;
}

/** What was paid, what it was paid with, and what became of it. */
function paymentLines(payment: LocalPayment, demonstration: Demonstration): string[] {
  const { redeemed, before, after } = payment;
  return [
    `  paid       ${paidText(payment, demonstration)}`,
    ...redeemed.flatMap(({ faceValue, paid, gasCost }) => [
      `  won        a ticket for ${readableWei(faceValue)}; redeemed for ${readableWei(paid)}, gas ${readableWei(gasCost)}`,
      `  earned     ${earned(before, after)}`,
    ]),
    `  deposit    ${readableWei(before.deposit)} before, ${readableWei(after.deposit)} after`,
  ];
}

function earned(before: LocalBalances, after: LocalBalances): string {
  return (["A", "B"] as const)
    .filter((name) => after.fees[name] !== before.fees[name])
    .map((name) => `orchestrator ${name}'s fees rose by ${readableWei(after.fees[name] - before.fees[name])}`)
    .join(", ");
}

/** The parts of a job in the order they happen. */
const PARTS: readonly (readonly [part: string, word: string])[] = [
  ["selection", "choosing"],
  ["queue", "waiting"],
  ["load", "loading"],
  ["inference", "inference"],
  ["transfer", "transfer"],
];

function partsOf(timings: Timings): string {
  return PARTS.map(([part, word]) => `${word} ${seconds(timings[part] ?? 0)}`).join(", ");
}

export function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
