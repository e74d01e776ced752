/** How good the language model is: questions that training never saw, through the product's own engine. */
import { llm } from "@rivulet/pipelines";
import { type CheckOptions, type CheckResult, median, type StarterCheck, share } from "../check/starter-check.ts";
import { Studio } from "../check/studio.ts";
import { type Question, questions } from "./judge/questions.ts";

const GOAL = { atLeast: 0.9 } as const;
const GREEDY = 0;
const USUAL = 0.7;

interface Answered extends Question {
  readonly text: string;
  readonly right: boolean;
  readonly isEnded: boolean;
  readonly tookMs: number;
  readonly tokens: number;
}

async function answerAll(
  studio: Studio,
  asked: readonly Question[],
  temperature: number,
  { onProgress, signal }: CheckOptions,
): Promise<readonly Answered[]> {
  const answers: Answered[] = [];
  for (const [i, question] of asked.entries()) {
    const { response, timings } = await studio.run(
      llm.name,
      { messages: question.messages, temperature, seed: i },
      { signal },
    );
    const { choices, usage } = llm.response.parse(response);
    const [choice] = choices;
    const text = choice?.message?.content ?? "";
    answers.push({
      ...question,
      text,
      right: question.isRight(text),
      isEnded: choice?.finish_reason === "stop",
      tookMs: timings.inferenceMs,
      tokens: usage.completion_tokens,
    });
    if (i % 50 === 49) onProgress(`${i + 1} of ${asked.length} at temperature ${temperature}`);
  }
  return answers;
}

export const check: StarterCheck = {
  pipeline: llm.name,
  async run(options: CheckOptions): Promise<CheckResult> {
    await using studio = await Studio.openStarter(import.meta.url);
    const asked = questions(options.cases);
    const greedy = await answerAll(studio, asked, GREEDY, options);
    const usual = await answerAll(studio, asked, USUAL, options);
    const right = ({ right }: Answered) => right;
    const part = (name: string, is: (answer: Answered) => boolean) =>
      ({ name, value: share(greedy.filter(is), right), unit: "share" }) as const;
    const figures = [
      { name: `right, of ${asked.length} unseen questions`, value: share(greedy, right), unit: "share", goal: GOAL },
      part("  about Rivulet, written by hand", ({ kind }) => kind === "written"),
      part("  about Rivulet, forms left out of training", ({ kind }) => kind === "form"),
      part("  said not to know, or not to be able", ({ wanted }) => /^(unknown|too_big|no_division)$/.test(wanted)),
      part("  sums of pairs never trained", ({ kind }) => kind === "sum"),
      part("  pictures described as asked", ({ kind }) => kind === "scene"),
      { name: `right at temperature ${USUAL}`, value: share(usual, right), unit: "share", goal: GOAL },
      {
        name: "stopped by itself",
        value: share([...greedy, ...usual], ({ isEnded }) => isEnded),
        unit: "share",
        goal: { atLeast: 0.99 },
      },
      { name: "median time of an answer", value: median(greedy.map(({ tookMs }) => tookMs)), unit: "ms" },
      {
        name: "median time of a token",
        value: median(greedy.map(({ tookMs, tokens }) => tookMs / Math.max(1, tokens))),
        unit: "ms",
      },
    ] as const;
    const wrong = greedy.flatMap(({ right, messages, wanted, text }) =>
      right ? [] : [`${messages.at(-1)?.content} (${wanted}): ${text}`],
    );
    return { figures, tiles: [], wrong };
  },
};
