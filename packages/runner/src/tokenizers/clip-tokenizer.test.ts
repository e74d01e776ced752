import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { vectors } from "../../test/vectors.ts";
import { loadClipTokenizer } from "./clip-tokenizer.ts";

interface Text {
  readonly name: string;
  readonly input: { readonly text: string; readonly pad: string };
  readonly expected: readonly number[];
}

const golden = vectors<Text>("clip-tokens") as ReturnType<typeof vectors<Text>> & {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly string[];
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-tokenizer-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function tokenizer(pad: unknown, config: object = {}) {
  await writeFile(join(directory, "vocab.json"), JSON.stringify(golden.vocab));
  await writeFile(join(directory, "merges.txt"), `#version: 0.2\n${golden.merges.join("\n")}\n`);
  await writeFile(join(directory, "tokenizer_config.json"), JSON.stringify({ pad_token: pad, ...config }));
  return loadClipTokenizer(directory);
}

describe("a CLIP tokenizer gives the reference's ids:", () => {
  test.each(golden.cases)("$name", async ({ input, expected }) => {
    expect((await tokenizer(input.pad)).encode(input.text)).toEqual(expected);
  });
});

describe("a CLIP tokenizer", () => {
  const start = golden.vocab["<|startoftext|>"];
  const end = golden.vocab["<|endoftext|>"];

  test("cuts a long text and keeps its end mark", async () => {
    const ids = (await tokenizer("!")).encode("a red fox ".repeat(100));
    expect(ids).toHaveLength(77);
    expect([ids[0], ids[76]]).toEqual([start, end]);
  });

  test("makes a full row of known ids of any text", async () => {
    const { encode } = await tokenizer("!");
    const known = new Set(Object.values(golden.vocab));
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const ids = encode(text);
        expect(ids).toHaveLength(77);
        expect(ids[0]).toBe(start);
        expect(ids.every((id) => known.has(id))).toBe(true);
      }),
    );
  });

  test("reads a padding token that is written as an object", async () => {
    const ids = (await tokenizer({ content: "!" })).encode("fox");
    expect(ids[76]).toBe(golden.vocab["!"]);
  });

  test("is as long as its files say, and never longer than the encoder", async () => {
    expect((await tokenizer("!", { model_max_length: 16 })).encode("")).toHaveLength(16);
    expect((await tokenizer("!", { model_max_length: 1e30 })).encode("")).toHaveLength(77);
    expect((await loadClipTokenizer(directory, 24)).encode("")).toHaveLength(24);
  });

  test("is refused when its files are missing or name tokens they do not have", async () => {
    await expect(loadClipTokenizer(join(directory, "nowhere"))).rejects.toThrow(RangeError);
    await expect(tokenizer("<|nothing|>")).rejects.toThrow(RangeError);
  });
});
