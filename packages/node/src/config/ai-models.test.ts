import { isError } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { combineModels, parseAiModels } from "./ai-models.ts";

function problemsOf(text: string): readonly { path: string; message: string }[] {
  try {
    parseAiModels(text);
  } catch (error) {
    if (isError(error, "config.invalid")) return error.facts.problems;
    throw error;
  }
  return [];
}

const pathsOf = (text: string) => problemsOf(text).map(({ path }) => path);

describe("aiModels.json", () => {
  test("names models, warm or cold, with slots, an external runner and exact prices", () => {
    const models = parseAiModels(`[
      {"pipeline":"text-to-image","model_id":"a/b","warm":true,"price_per_unit":1.9073484e-08,"currency":"usd","optimization_flags":{"SFAST":1}},
      {"pipeline":"llm","model_id":"m","url":"http://r:8000","token":"t","capacity":4,"price_per_unit":"0.18 USD","pixels_per_unit":1e6},
      {"pipeline":"upscale","model_id":"u","price_per_unit":null}
    ]`);
    expect(models.map(({ pipeline, model, isWarm, slots }) => [pipeline, model, isWarm, slots])).toEqual([
      ["text-to-image", "a/b", true, 1],
      ["llm", "m", false, 4],
      ["upscale", "u", false, 1],
    ]);
    expect(models[0]?.prices.map(({ perUnit, currency }) => `${perUnit} ${currency}`)).toEqual([
      "4768371/250000000000000 USD",
    ]);
    expect(models[1]?.prices.map(({ perUnit, currency }) => `${perUnit} ${currency}`)).toEqual(["9/50000000 USD"]);
    expect(models[1]?.endpoint?.token?.reveal()).toBe("t");
    expect(JSON.stringify(models[1]?.endpoint)).not.toContain('"t"');
    expect(models[2]?.prices).toEqual([]);
  });

  test("reports every problem of every entry at its path", () => {
    expect(
      pathsOf(`[
        {"pipeline":"text-to-imgae","model_id":"m"},
        {"pipeline":"llm"},
        {"pipeline":"llm","model_id":"m","price_per_unit":-1},
        {"pipeline":"llm","model_id":"n","price_per_unit":1,"pixels_per_unit":0},
        {"pipeline":"llm","model_id":"o","price_per_unit":"1 USD","currency":"EUR"},
        {"pipeline":"llm","model_id":"p","url":"nowhere"},
        {"pipeline":"llm","model_id":"q","capacity":1.5}
      ]`).sort(),
    ).toEqual(
      [
        "aiModels[0].pipeline",
        "aiModels[1].model_id",
        "aiModels[2].price_per_unit",
        "aiModels[3].pixels_per_unit",
        "aiModels[4].currency",
        "aiModels[5].url",
        "aiModels[6].capacity",
      ].sort(),
    );
    expect(problemsOf('[{"pipeline":"text-to-imgae","model_id":"m"}]')[0]?.message).toContain("text-to-image");
  });

  test("say what the server behind a URL speaks, and what it calls the model", () => {
    const models = parseAiModels(`[
      {"pipeline":"llm","model_id":"a","url":"http://r:8000"},
      {"pipeline":"llm","model_id":"b","url":"http://v:8000/v1"},
      {"pipeline":"llm","model_id":"c","url":"http://v:8000","runtime":"openai","upstream_model":"theirs"},
      {"pipeline":"llm","model_id":"d","url":"http://o:11434","runtime":"ollama"},
      {"pipeline":"upscale","model_id":"e","url":"http://u:8000","runtime":"external"},
      {"pipeline":"llm","model_id":"f","runtime":"native"}
    ]`);
    expect(models.map(({ endpoint }) => [endpoint?.speaks, endpoint?.upstream])).toEqual([
      ["runner", undefined],
      ["openai", undefined],
      ["openai", "theirs"],
      ["ollama", undefined],
      ["runner", undefined],
      [undefined, undefined],
    ]);
    expect(
      pathsOf(`[
        {"pipeline":"llm","model_id":"a","url":"http://o:1","runtime":"olama"},
        {"pipeline":"llm","model_id":"b","runtime":"ollama"},
        {"pipeline":"upscale","model_id":"c","url":"http://o:1","runtime":"ollama"},
        {"pipeline":"llm","model_id":"d","url":"http://o:1","runtime":"native"},
        {"pipeline":"llm","model_id":"e","url":"http://o:1","upstream_model":"theirs"}
      ]`),
    ).toEqual([
      "aiModels[0].runtime",
      "aiModels[1].runtime",
      "aiModels[2].runtime",
      "aiModels[3].runtime",
      "aiModels[4].upstream_model",
    ]);
  });

  test("may not name a model twice, but may price it for another gateway", () => {
    expect(pathsOf('[{"pipeline":"llm","model_id":"m"},{"pipeline":"llm","model_id":"m"}]')).toEqual(["aiModels[1]"]);
    expect(pathsOf("llm:m:true,llm:m:false")).toEqual(["aiModels[1]"]);
    const [model, ...rest] = parseAiModels(
      '[{"pipeline":"llm","model_id":"m","price_per_unit":2},{"pipeline":"llm","model_id":"m","price_per_unit":1,"gateway":"0xabc"}]',
    );
    expect(rest).toEqual([]);
    expect(model?.prices.map(({ gateway, perUnit }) => `${gateway} ${perUnit}`)).toEqual(["default 2", "0xabc 1"]);
  });

  test("also comes as pipeline:model:warm", () => {
    expect(
      parseAiModels("text-to-image:a/b:true, llm:m:f:ignored").map(({ model, isWarm }) => [model, isWarm]),
    ).toEqual([
      ["a/b", true],
      ["m", false],
    ]);
    expect(pathsOf("text-to-image:a/b")).toEqual(["aiModels[0]"]);
    expect(pathsOf("text-to-image:a/b:yes")).toEqual(["aiModels[0]"]);
  });

  test("and the config file may not name the same model", () => {
    const models = parseAiModels("llm:m:true");
    expect(() => combineModels(models, models, "aiModels")).toThrow(
      expect.objectContaining({ code: "config.invalid" }),
    );
    expect(combineModels(models, parseAiModels("llm:n:true"), "aiModels")).toHaveLength(2);
  });

  test.each(["1e309", "1e20", "1.5", "-1", '"x"'])("has no capacity of %s", (capacity) => {
    const text = `[{"pipeline":"llm","model_id":"m","capacity":${capacity}}]`;
    expect(() => parseAiModels(text)).toThrow(expect.objectContaining({ code: "config.invalid" }));
  });

  test("of any text is a list of models or one of our errors", () => {
    const looseEntry = fc.record(
      {
        pipeline: fc.oneof(fc.constant("llm"), fc.anything()),
        model_id: fc.anything(),
        warm: fc.anything(),
        capacity: fc.anything(),
        url: fc.anything(),
        price_per_unit: fc.oneof(fc.double(), fc.string(), fc.constant("1e999USD")),
        pixels_per_unit: fc.anything(),
      },
      { requiredKeys: [] },
    );
    const json = fc
      .array(looseEntry, { maxLength: 4 })
      .map((list) => JSON.stringify(list, (_k, v) => (typeof v === "bigint" ? `${v}` : v)));
    fc.assert(
      fc.property(fc.oneof(fc.string(), json, fc.stringMatching(/^[a-z:,[{"]*$/)), (text) => {
        try {
          expect(Array.isArray(parseAiModels(text))).toBe(true);
        } catch (error) {
          expect(isError(error, "config.invalid")).toBe(true);
        }
      }),
    );
  });
});
