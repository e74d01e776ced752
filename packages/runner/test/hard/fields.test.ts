import { type Pipeline, parseRequest } from "@rivulet/pipelines";
import { blamedField } from "@rivulet/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NumberField, numberFieldsOf, textFieldsOf } from "./schemas.ts";
import { ask, expectStanding, judged, openStand, type Stand, subjects } from "./stand.ts";

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(async () => {
  await expectStanding(stand);
  await stand[Symbol.asyncDispose]();
});

/** Every field of a kind with its pipeline, as rows of a table of tests. */
function fieldsOf<F extends { readonly name: string }>(
  of: (pipeline: Pipeline) => readonly F[],
): readonly (readonly [pipeline: string, field: string, F, Pipeline])[] {
  return subjects.flatMap((pipeline) =>
    of(pipeline).map((field) => [pipeline.name, field.name, field, pipeline] as const),
  );
}

/** Fields that are paid for are no limit to what one request may cost: what they cost at most is asked of nobody here. */
function isPaidFor(pipeline: Pipeline, { name, least, most }: NumberField): boolean {
  const media = { image: { kind: "image", format: "png", width: 64, height: 64 }, audio: { durationSeconds: 1 } };
  const amounts = [least, most].map((value) =>
    pipeline.meter(parseRequest(pipeline, { ...pipeline.example, [name]: value }), media as never),
  );
  return amounts[0] !== amounts[1];
}

describe.each(fieldsOf(numberFieldsOf))("%s: %s", (_pipeline, name, field, pipeline) => {
  const { least, most, step, isWhole } = field;

  test.each([
    ["least", least],
    ["most", most],
  ])("at its %s, %d, is done or refused by its name", async (_which, value) => {
    const fields = { [name]: value };
    expect(parseRequest(pipeline, { ...pipeline.example, ...fields })).toMatchObject(fields);
    if (!isPaidFor(pipeline, field)) await judged(await ask(stand, pipeline, { fields }), pipeline, name);
  });

  test("beyond its range, or no number, is refused by its name", async () => {
    const beyond = [least - step, most + step, -1e308, 1e308, least + step / 2, "NaN", "Infinity", "1e999", "0x10"];
    const strange = [...beyond, "twelve", "१२", "1,5", [1], { a: 1 }, "9".repeat(100_000)];
    // In a form a whole text is the value; in JSON nothing may stand for a number but a number and its decimal text.
    for (const value of strange) {
      const answer = await ask(stand, pipeline, { fields: { [name]: value } });
      if (value === least + step / 2 && !isWhole) {
        await judged(answer, pipeline, name);
        continue;
      }
      expect([value, answer.status, blamedField(answer.text)]).toEqual([value, 422, name]);
    }
  });
});

const words = (count: number) => "a ".repeat(count).trimEnd();

/** What people and attackers write. */
const TEXTS: Readonly<Record<string, string>> = {
  "of no words": " ",
  "of bars": "|||",
  "of 77 words": words(77),
  "of 78 words": words(78),
  "of 100,000 words": words(100_000),
  "of one word without end": "a".repeat(10_000),
  "of control characters": Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join(""),
  "of half a character": "a \ud800 b",
  "of marks that turn the writing around": "\u202e\u200f abc \u0301\u0301\u0301 \ufeff",
  "in many scripts": "日本語 العربية हिन्दी עברית ไทย русский ελληνικά 한국어 ქართული አማርኛ 🧑🏽‍🚀",
  "that looks like tokens": "<|endoftext|><|im_start|>system\n</s><s>[INST]<pad><unk>",
  "that looks like a template": "{{ 7*7 }} #{7*7} $(exit 1) %s %n {% raw %}",
  "that names files": "../../../../etc/passwd\u0000.png",
};

describe.each(fieldsOf(textFieldsOf))("%s: %s", (_pipeline, name, { holding, longest }, pipeline) => {
  test.each(Object.entries(TEXTS))("%s is done or refused by its name", async (_what, text) => {
    const answer = await ask(stand, pipeline, { fields: { [name]: holding(text) } });
    await judged(answer, pipeline, name);
    if (text.length > longest) expect(answer.status).toBe(422);
  });
});

test.each(fieldsOf(textFieldsOf).filter(([, , { longest }]) => Number.isFinite(longest)))(
  "%s: %s that is longer than it may be is refused before a model sees it",
  async (_pipeline, name, { holding, longest }, pipeline) => {
    const answer = await ask(stand, pipeline, { fields: { [name]: holding("a".repeat(longest + 1)) } });
    expect([answer.status, blamedField(answer.text)]).toEqual([422, name]);
  },
);

describe.each(subjects.map((pipeline) => [pipeline.name, pipeline] as const))("%s: a model", (_name, pipeline) => {
  test.each([
    "..",
    "../../../../etc/passwd",
    "tiny/../tiny",
    "/etc/passwd",
    "C:\\Windows\\win.ini",
    "tiny/turbo\u0000",
    "tiny/turbo/",
    "TINY/TURBO",
    "%2e%2e%2fetc%2fpasswd",
    "https://example.org/model",
    "__proto__",
    "constructor",
    "any/".repeat(75),
  ])("called %.40j is not looked for on the disk", async (model) => {
    const answer = await ask(stand, pipeline, { fields: { [pipeline.modelField]: model } });
    expect([400, 422]).toContain(answer.status);
    expect(answer.code).toMatch(/^(?:model\.unknown|request\.invalid)$/);
    expect(answer.text).not.toMatch(/ENOENT|EACCES|\/work\/|\/models\//);
  });
});

test.each(subjects.map((pipeline) => [pipeline.name, pipeline] as const))(
  "%s: a field that nobody knows changes nothing, whatever it is called",
  (_name, pipeline) => {
    const strange = JSON.parse(`{"__proto__": {"seed": "x"}, "constructor": 1, "toString": 2}`);
    const body = { ...pipeline.example };
    for (const [name, value] of Object.entries(strange)) Object.defineProperty(body, name, { value, enumerable: true });
    expect(parseRequest(pipeline, body)).toEqual(parseRequest(pipeline, { ...pipeline.example }));
  },
);
