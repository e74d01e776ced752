import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { answersScene, answersSum, answersTopic } from "./facts.ts";

export interface Turn {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** A question that training never saw, and whether an answer is right. */
export interface Question {
  /** `written` by hand; in a `form` that others of the topic were trained in; a `sum` of a pair never trained; a `scene`. */
  readonly kind: "written" | "form" | "sum" | "scene";
  readonly messages: readonly Turn[];
  readonly wanted: string;
  readonly isRight: (text: string) => boolean;
}

interface Case {
  readonly topic: string;
  readonly turns: readonly string[];
  readonly system?: string;
  readonly isTemplate?: boolean;
}

/** The questions about Rivulet: `train/make_questions.py` wrote the list down, and training leaves them out. */
export function dialogueQuestions(): readonly Question[] {
  const cases: readonly Case[] = JSON.parse(readFileSync(new URL("questions.json", import.meta.url), "utf8"));
  return cases.map(({ topic, turns, system, isTemplate = false }) => ({
    kind: isTemplate ? "form" : "written",
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
      ...turns.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }) as const),
    ],
    wanted: topic,
    isRight: (text) => answersTopic(topic, text),
  }));
}

const HELD_OUT_PERCENT = 15;
const MIRRORED_PERCENT = 30;
const LARGEST = 99;
const LARGEST_FACTOR = 10;

type Operation = "+" | "-" | "×";

/** The same rule as `is_held_out` in `train/arithmetic.py`. */
export function isHeldOut(a: number, operation: Operation, b: number): boolean {
  if (operation === "×") return a > b && hash(`${a} × ${b}`) % 100 < MIRRORED_PERCENT;
  const [first, second] = operation === "+" ? [Math.min(a, b), Math.max(a, b)] : [a, b];
  return hash(`${first} ${operation} ${second}`) % 100 < HELD_OUT_PERCENT;
}

function hash(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0);
}

/** Half are plain; the others are put in ways that no sum of the training was. */
const forms = [
  "What is {sum}?",
  "I wonder what {sum} is.",
  "{sum}",
  "Could you compute {sum} for me?",
  "How much is {sum}?",
  "Hello, what would {sum} be?",
  "Calculate {sum}",
  "My homework says {sum}. What comes out?",
] as const;
const spoken = { "+": "plus", "-": "minus", "×": "times" } as const;

/** As many as there are at most: of the products training had all but a dozen. */
const SUMS = { "+": 70, "-": 70, "×": 20 } as const;

/** Sums of pairs that training never had. */
export function sumQuestions(): readonly Question[] {
  return (["+", "-", "×"] as const).flatMap((operation) =>
    pairs(operation)
      .toSorted((x, y) => hash(`order ${x}`) - hash(`order ${y}`))
      .slice(0, SUMS[operation])
      .map(([a, b], i) => {
        const sum = `${a} ${i % 3 === 2 ? spoken[operation] : operation} ${b}`;
        const value = operation === "+" ? a + b : operation === "-" ? a - b : a * b;
        const content = (forms[i % forms.length] ?? "{sum}").replace("{sum}", sum);
        return {
          kind: "sum",
          messages: [{ role: "user", content }],
          wanted: String(value),
          isRight: (text) => answersSum(value, text),
        } as const;
      }),
  );
}

function pairs(operation: Operation): readonly (readonly [number, number])[] {
  const numbers = Array.from({ length: (operation === "×" ? LARGEST_FACTOR : LARGEST) + 1 }, (_, i) => i);
  return numbers.flatMap((a) =>
    numbers.flatMap((b) => {
      // Below nothing for one in five, as nobody asks for it more often.
      const isRare = operation === "-" && a < b && hash(`rare ${a} ${b}`) % 100 >= 25;
      return isHeldOut(a, operation, b) && !isRare ? [[a, b] as const] : [];
    }),
  );
}

const scenes: readonly (readonly [string, ...string[]])[] = [
  ["Would you describe a nice little picture?"],
  ["Would you describe a scene with a red star?", "red star"],
  ["Let us have a prompt with a blue circle.", "blue circle"],
  ["I'd love a picture of a green square.", "green square"],
  ["Would you think up a scene with a yellow cross?", "yellow cross"],
  ["What might a picture with a purple diamond look like? Describe one.", "purple diamond"],
  ["Would you suggest a prompt with a white triangle?", "white triangle"],
  ["Describe me a picture, please."],
  ["Describe me a picture with a black circle.", "black circle"],
  ["Would you invent a small scene with an orange square?", "orange square"],
  ["Could you dream up a picture with a triangle?", "triangle"],
  ["Describe for me a scene with a diamond.", "diamond"],
];

/** Descriptions of pictures, as the starter model that draws is asked for them. */
export function sceneQuestions(): readonly Question[] {
  return scenes.map(([content, ...wanted]) => ({
    kind: "scene",
    messages: [{ role: "user", content }],
    wanted: `a caption${wanted.length === 0 ? "" : ` with ${wanted.join(", ")}`}`,
    isRight: (text) => answersScene(wanted, text),
  }));
}

/** The whole set, or as many of it, from all kinds alike. */
export function questions(count?: number): readonly Question[] {
  const all = [...dialogueQuestions(), ...sumQuestions(), ...sceneQuestions()];
  if (count === undefined || count >= all.length) return all;
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]).filter(
    (q) => q !== undefined,
  );
}
