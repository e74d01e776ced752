import { homedir } from "node:os";
import type { Answer, Timings } from "./ask.ts";

/** An orchestrator the gateway knew when the job came. */
export interface Offered {
  /** `A`, `B`: how the story calls it. */
  readonly name: string;
  readonly address: string;
  readonly how: string;
  /** Whether it offered the model, and had it in memory. */
  readonly model: "warm" | "cold" | "none";
}

/** Tells what happened, a few lines for people. Names, not numbers, carry it; numbers stand behind. */
export function story(title: string, offered: readonly Offered[], answer: Answer, picture: string): readonly string[] {
  const chosen = offered.find(({ address }) => address === answer.orchestrator);
  return [
    title,
    `  found      ${offered.map(({ name, model }) => `orchestrator ${name} (${modelWords[model]})`).join(", ")}`,
    `  chosen     orchestrator ${chosen?.name ?? answer.orchestrator}: ${chosen?.how ?? ""}; ${whyChosen(offered, chosen)}`,
    `  took       ${seconds(answer.tookMs)}: ${partsOf(answer.timings)}`,
    `  seed       ${answer.seed}`,
    `  picture    ${shortened(picture)}`,
  ];
}

/** Whether the model was in memory when the job came. */
export function wasWarm(answer: Answer): boolean {
  return (answer.timings["load"] ?? 0) === 0;
}

const modelWords = { warm: "model warm", cold: "model cold", none: "does not offer the model" } as const;

function whyChosen(offered: readonly Offered[], chosen: Offered | undefined): string {
  const warm = offered.filter(({ model }) => model === "warm");
  if (chosen?.model !== "warm") return "none was warm, so it loads the model";
  if (warm.length === 1) return "the only one with the model warm";
  return `${warm.length} have it warm and free, and neither has a record yet, so the first in line`;
}

/** The parts of a job in the order they happen. */
const PARTS: Readonly<Record<string, string>> = {
  selection: "choosing",
  queue: "waiting",
  load: "loading",
  inference: "inference",
  transfer: "transfer",
};

function partsOf(timings: Timings): string {
  return Object.entries(PARTS)
    .map(([part, word]) => `${word} ${seconds(timings[part] ?? 0)}`)
    .join(", ");
}

function seconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function shortened(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
