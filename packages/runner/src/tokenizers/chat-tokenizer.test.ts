import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { referenceFile } from "../../test/parity/references.ts";
import { loadChatTokenizer } from "./chat-tokenizer.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rivulet-chat-"));
});
afterAll(() => rm(root, { recursive: true }));

/** The tiny model's tokenizer with another template. */
async function withTemplate(template: string) {
  const directory = await mkdtemp(join(root, "model-"));
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    await cp(referenceFile("qwen", `model/${file}`), join(directory, file));
  await writeFile(join(directory, "chat_template.jinja"), template);
  return loadChatTokenizer(directory);
}

const turns = [{ role: "system", content: "Be brief." }];

test("what a template refuses is told to the caller in the template's words", async () => {
  const tokenizer = await withTemplate("{{ raise_exception('no system turns') }}");
  expect(() => tokenizer.encode(turns)).toThrow(
    expect.objectContaining({
      code: "request.rejected-by-model",
      facts: { field: "messages", reason: "no system turns" },
    }),
  );
});

test("a template that does not work is not the caller's fault", async () => {
  for (const broken of ["{{ messages.nothing() }}", "{{ unheard_of(messages) }}", "{{ messages | unheard_of }}"]) {
    const tokenizer = await withTemplate(broken);
    expect(() => tokenizer.encode(turns), broken).toThrow(expect.not.objectContaining({ code: expect.anything() }));
  }
});
