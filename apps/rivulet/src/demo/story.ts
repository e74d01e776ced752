import { relative } from "node:path";
import type { JobStory, LocalBalances, LocalOrchestrator, LocalPayment } from "@rivulet/node";
import { amountText } from "../amounts.ts";
import type { Answer, Timings } from "./ask.ts";

/** Everything the story of one job is told from. */
export interface Told {
  readonly title: string;
  readonly orchestrators: readonly LocalOrchestrator[];
  readonly job: JobStory;
  readonly answer: Answer;
  /** Absent where nobody pays. */
  readonly payment?: LocalPayment | undefined;
  readonly picture: string;
}

/** Tells what happened, a few lines for people. Names carry it; numbers stand behind. */
export function story({ title, orchestrators, job, answer, payment, picture }: Told): readonly string[] {
  const nameOf = (address: string) => orchestrators.find((each) => each.address === address)?.name ?? address;
  const chosen = job.attempts.at(-1);
  const how = orchestrators.find(({ address }) => address === chosen?.orchestrator)?.how ?? "";
  const found = job.considered
    .map(({ orchestrator, isWarm, state }) => `${nameOf(orchestrator)} (${isWarm ? "warm" : "cold"}, ${state})`)
    .sort();
  return [
    title,
    `  found      ${found.length === 1 ? "orchestrator" : "orchestrators"} ${found.join(", ")}`,
    `  chosen     orchestrator ${nameOf(answer.orchestrator)}: ${reasonOf(job)}; ${how}`,
    `  took       ${seconds(answer.tookMs)}: ${partsOf(answer.timings)}`,
    ...(payment === undefined ? [] : paymentLines(payment)),
    `  seed       ${answer.seed}`,
    `  picture    ${relative(process.cwd(), picture) || picture}`,
  ];
}

/** Whether the model was in memory when the job came. */
export function wasWarm(answer: Answer): boolean {
  return (answer.timings["load"] ?? 0) === 0;
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
function paymentLines({ price, units, fee, tickets, expectedValue, redeemed, before, after }: LocalPayment): string[] {
  const count = tickets === 1 ? "one ticket" : `${tickets} tickets`;
  const paidWith =
    tickets === 0
      ? "from what was left of earlier tickets"
      : `with ${count} worth ${ethText(expectedValue)} on average`;
  return [
    `  paid       ${ethText(fee)}, ${units} pixels at ${price} wei, ${paidWith}`,
    ...redeemed.flatMap(({ faceValue, paid, gasCost }) => [
      `  won        a ticket for ${ethText(faceValue)}; redeemed for ${ethText(paid)}, gas ${ethText(gasCost)}`,
      `  earned     ${earned(before, after)}`,
    ]),
    `  deposit    ${ethText(before.deposit)} before, ${ethText(after.deposit)} after`,
  ];
}

function earned(before: LocalBalances, after: LocalBalances): string {
  return (["A", "B"] as const)
    .filter((name) => after.fees[name] !== before.fees[name])
    .map((name) => `orchestrator ${name}'s fees rose by ${after.fees[name] - before.fees[name]} wei`)
    .join(", ");
}

/** Wei, a fraction or a decimal number of them, as ethers: whole wei, as nobody misses the rest. */
function ethText(amount: bigint | string): string {
  const [numerator = "0", denominator = "1"] = `${amount}`.replace(/\..*$/, "").split("/");
  return amountText(BigInt(numerator) / BigInt(denominator), "ETH");
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

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
