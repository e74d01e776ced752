/**
 * Whether an exported language model answers as Transformers does with the checkpoint, word for word:
 *
 *     python models/references/record_answers.py CHECKPOINT answers.json
 *     node models/check/answers.ts EXPORT answers.json
 *
 * Through the product's own engine, always the likeliest token. Exits with 1 when an answer or a count differs.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { llm } from "@rivulet/pipelines";
import { Studio } from "./studio.ts";

interface Answer {
  readonly input: { readonly messages: readonly object[] };
  readonly expected: { readonly ids: readonly number[]; readonly tokens: readonly number[]; readonly text: string };
}

const [directory, file] = process.argv.slice(2);
if (directory === undefined || file === undefined) {
  process.stderr.write("usage: node models/check/answers.ts EXPORT answers.json\n");
  process.exitCode = 2;
} else process.exitCode = await compare(resolve(directory), JSON.parse(await readFile(file, "utf8")).answers);

async function compare(directory: string, answers: readonly Answer[]): Promise<number> {
  await using studio = await Studio.open({ pipeline: llm.name, directory });
  let equal = 0;
  for (const { input, expected } of answers) {
    const { ids, tokens, text } = expected;
    const { response } = await studio.run(llm.name, { ...input, temperature: 0, max_tokens: most(answers) });
    const { choices, usage } = llm.response.parse(response);
    const answer = [choices[0]?.message?.content, usage.prompt_tokens, usage.completion_tokens];
    if (JSON.stringify(answer) === JSON.stringify([text, ids.length, tokens.length])) equal += 1;
    else
      process.stderr.write(
        `not ${JSON.stringify([text, ids.length, tokens.length])}\nbut ${JSON.stringify(answer)}\n\n`,
      );
  }
  process.stdout.write(`${equal} of ${answers.length} answers are the same\n`);
  return equal === answers.length ? 0 : 1;
}

/** What was recorded was cut there. */
function most(answers: readonly Answer[]): number {
  return Math.max(...answers.map(({ expected }) => expected.tokens.length));
}
