import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Graph, Port, Tensors } from "../backend.ts";
import { type MemoryGraph, memoryBackend } from "../backends/memory/memory-backend.ts";
import { floats, floatsOf, gathered, type Tensor, tensorOf } from "../tensor.ts";
import { TokenReader } from "./token-reader.ts";
import { writeTokens } from "./write-tokens.ts";

const [HEADS, WIDTH, VOCABULARY] = [2, 3, 7] as const;
const { signal } = new AbortController();
const never = new Set<number>();

const wholes = (name: string, dims: Port["dims"]): Port => ({ name, type: "int64", dims });
const cache = (name: string): Port => ({ name, type: "float32", dims: ["batch", HEADS, "tokens", WIDTH] });

/** A number that only this text has: every token counts, and where it stands. */
function numberOf(text: readonly number[]): number {
  return text.reduce((sum, id, place) => sum + id * (place + 1), 0);
}

/** What is kept of a text: token, head and part of each, in the order of the form [1, heads, tokens, width]. */
function kept(text: readonly number[]): Tensor<"float32"> {
  const parts = Array.from({ length: HEADS }, (_, head) =>
    text.flatMap((id) => Array.from({ length: WIDTH }, (_, part) => id * 100 + head * 10 + part)),
  );
  return floats(Float32Array.from(parts.flat()), [1, HEADS, text.length, WIDTH]);
}

/** The text that something was kept of. Throws when it is not what was kept. */
function textOf(past: Tensor | undefined): readonly number[] {
  if (past === undefined) throw new Error("there is no past");
  const [, , tokens = 0] = past.dims;
  const text = Array.from({ length: tokens }, (_, place) => Math.floor((floatsOf(past)[place * WIDTH] ?? 0) / 100));
  expect([...floatsOf(past)]).toEqual([...kept(text).data]);
  return text;
}

/** Of a decoder whose likeliest next token is `numberOf` all it has read: its feeds are checked in every run. */
function decoder(inputs: readonly Port[], look: (feeds: Tensors) => void = () => {}): MemoryGraph {
  return {
    inputs: [...inputs, cache("past_key_values.0.key")],
    outputs: [
      { name: "logits", type: "float32", dims: ["batch", "tokens", VOCABULARY] },
      cache("present.0.key"),
      cache("present.0.encoder.value"),
    ],
    run: (feeds) => {
      look(feeds);
      const before = textOf(feeds["past_key_values.0.key"]);
      const ids = Array.from(floatsOf(feeds["input_ids"] ?? feeds["inputs_embeds"] ?? kept([])));
      const text = [...before, ...ids];
      if (feeds["attention_mask"]) expect([...floatsOf(feeds["attention_mask"])]).toEqual(text.map(() => 1));
      if (feeds["position_ids"])
        expect([...floatsOf(feeds["position_ids"])]).toEqual(ids.map((_, i) => before.length + i));
      const logits = ids.flatMap((_, i) => {
        const next = numberOf(text.slice(0, before.length + i + 1)) % VOCABULARY;
        return Array.from({ length: VOCABULARY }, (_, id) => (id === next ? 1 : 0));
      });
      return {
        logits: floats(Float32Array.from(logits), [1, ids.length, VOCABULARY]),
        "present.0.key": kept(text),
        "present.0.encoder.value": kept(before.length === 0 ? [42] : []),
      };
    },
  };
}

const tokens = wholes("input_ids", ["batch", "tokens"]);
const plain = [tokens, wholes("attention_mask", ["batch", "total"]), wholes("position_ids", ["batch", "tokens"])];

function open(graph: MemoryGraph): Promise<Graph> {
  return memoryBackend("/", { "model.onnx": graph }).open("/model.onnx", { threads: 1 });
}

/** A decoder of several texts: each row is its own. */
function byRows(inputs: readonly Port[]): MemoryGraph {
  const single = decoder(inputs);
  const mapped = (tensors: Tensors, change: (tensor: Tensor, name: string) => Tensor) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor, name)]));
  return {
    ...single,
    run: (feeds) => {
      const rows = Array.from({ length: feeds["input_ids"]?.dims[0] ?? 0 }, (_, row) =>
        single.run(mapped(feeds, (tensor) => gathered([[tensor, row]]))),
      );
      return mapped(rows[0] ?? {}, (_, name) => gathered(rows.flatMap((row) => (row[name] ? [[row[name], 0]] : []))));
    },
  };
}

async function readerOf(...asked: Parameters<typeof decoder>): Promise<TokenReader> {
  return new TokenReader(await open(decoder(...asked)));
}

/** The token that a reader finds likeliest next, of which there is one. */
const nextOf = (logits: Float32Array) => logits.indexOf(1);

describe("a reader", () => {
  test("reads a text in pieces of any length as it does at once, and goes on from any place of it", async () => {
    const reader = await readerOf(plain);
    const pieces = fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 20 }), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat({ max: 30 }), async (given, most) => {
        const reading = reader.begin();
        for (const [index, piece] of given.entries()) {
          const { logits } = await reading.read(piece, { signal });
          expect(nextOf(logits)).toBe(numberOf(given.slice(0, index + 1).flat()) % VOCABULARY);
        }
        const text = given.flat();
        reading.keep(most);
        expect(reading.length).toBe(Math.min(most, text.length));
        const { logits } = await reading.read([8], { signal });
        expect(nextOf(logits)).toBe(numberOf([...text.slice(0, most), 8]) % VOCABULARY);
      }),
    );
  });

  test("reads several texts at once as each alone, and goes on with some of them", async () => {
    const reading = new TokenReader(await open(byRows(plain))).begin({}, 3);
    const texts = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    const nexts = async (ids: readonly (readonly number[])[]) =>
      (await reading.readAll(ids, { signal })).map(({ logits }) => nextOf(logits));
    expect(await nexts(texts)).toEqual(texts.map((text) => numberOf(text) % VOCABULARY));
    reading.keepTexts([2, 0]);
    expect(await nexts([[7], [8]])).toEqual(
      [
        [5, 6, 7],
        [1, 2, 8],
      ].map((text) => numberOf(text) % VOCABULARY),
    );
    expect(reading.length).toBe(3);
  });

  test("reads long texts a part at a time, and asks what comes next for the last part only", async () => {
    const lengths: number[] = [];
    const reader = await readerOf(plain, (feeds) => lengths.push(feeds["input_ids"]?.data.length ?? 0));
    const text = Array.from({ length: 1000 }, (_, i) => i % 9);
    const { logits } = await reader.begin().read(text, { signal });
    expect(nextOf(logits)).toBe(numberOf(text) % VOCABULARY);
    expect(lengths.reduce((a, b) => a + b)).toBe(1000);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(256);
  });

  test("tells decoders of two halves which is wanted, and keeps what the first said of the encoder", async () => {
    const seen: [number, readonly number[]][] = [];
    const inputs = [tokens, wholes("use_cache_branch", [1]), cache("past_key_values.0.encoder.value")];
    const reader = await readerOf(inputs, (feeds) => {
      const [branch = 0] = floatsOf(feeds["use_cache_branch"] ?? kept([]));
      seen.push([branch, textOf(feeds["past_key_values.0.encoder.value"])]);
    });
    const reading = reader.begin();
    for (const id of [1, 2, 3]) await reading.read([id], { signal });
    expect(seen).toEqual([
      [0, []],
      [1, [42]],
      [1, [42]],
    ]);
  });

  test("begins with all of a text in decoders of two halves, and goes on token by token", async () => {
    const seen: (readonly number[])[] = [];
    const reader = await readerOf([tokens, wholes("use_cache_branch", [1])], (feeds) => {
      const [branch = 0] = floatsOf(feeds["use_cache_branch"] ?? kept([]));
      seen.push([branch, feeds["input_ids"]?.data.length ?? 0]);
    });
    expect(reader.readsOn).toBe(false);
    expect((await readerOf(plain)).readsOn).toBe(true);
    const text = Array.from({ length: 600 }, (_, i) => i % 9);
    const reading = reader.begin();
    await reading.read(text, { signal });
    const { logits } = await reading.read([1, 2, 3], { signal });
    expect(nextOf(logits)).toBe(numberOf([...text, 1, 2, 3]) % VOCABULARY);
    expect(seen).toEqual([
      [0, 600],
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  test("gives decoders what they ask for: vectors, what was given, for how many tokens to answer", async () => {
    const vectors: Port = { name: "inputs_embeds", type: "float32", dims: ["batch", "tokens"] };
    const states: Port = { name: "encoder_hidden_states", type: "float32", dims: ["batch", 1] };
    const seen: Tensors[] = [];
    const graph = decoder([vectors, states, wholes("num_logits_to_keep", [])], (feeds) => seen.push(feeds));
    const embedder: MemoryGraph = {
      inputs: [tokens],
      outputs: [vectors],
      run: ({ input_ids: ids }) => ({ inputs_embeds: floats(floatsOf(ids ?? kept([])), ids?.dims ?? []) }),
    };
    const options = { given: [states.name], embedder: await open(embedder) };
    const reader = new TokenReader(await open(graph), options);
    const given = { [states.name]: floats(Float32Array.of(5), [1, 1]) };
    const { logits, outputs } = await reader
      .begin(given)
      .read([3, 4], { signal, outputs: ["present.0.encoder.value"] });
    expect(nextOf(logits)).toBe(numberOf([3, 4]) % VOCABULARY);
    expect(textOf(outputs["present.0.encoder.value"])).toEqual([42]);
    expect(seen[0]?.[states.name]).toBe(given[states.name]);
    expect(seen[0]?.["num_logits_to_keep"]).toEqual(tensorOf("int64", [1], []));
  });

  test("refuses a decoder with inputs that nobody fills, or without those it needs", async () => {
    await expect(readerOf([tokens, wholes("beam", [1])])).rejects.toThrow("unknown input beam");
    await expect(readerOf([])).rejects.toThrow("no input input_ids");
  });

  test("ends between two runs when it is called off, and can go on afterwards", async () => {
    const controller = new AbortController();
    let runs = 0;
    const reader = await readerOf(plain, () => {
      runs += 1;
      controller.abort(new Error("enough"));
    });
    const text = new Array<number>(600).fill(1);
    const reading = reader.begin();
    await expect(reading.read(text, { signal: controller.signal })).rejects.toThrow("enough");
    expect([runs, reading.length]).toEqual([1, 0]);
    expect(nextOf((await reading.read([2], { signal })).logits)).toBe(2);
  });

  test("does not take numbers that are none", async () => {
    const graph = decoder(plain);
    const broken = (feeds: Tensors) => {
      const { logits, ...others } = graph.run(feeds);
      if (logits !== undefined) logits.data[2] = Number.NaN;
      return { ...others, ...(logits && { logits }) };
    };
    const reader = new TokenReader(await open({ ...graph, run: broken }));
    await expect(reader.begin().read([1], { signal })).rejects.toMatchObject({ code: "runner.failed" });
  });
});

describe("writing", () => {
  const likeliest = (logits: Float32Array) => nextOf(logits);

  async function written(changes: Partial<Parameters<typeof writeTokens>[0]> = {}): Promise<readonly number[]> {
    const reading = (await readerOf(plain)).begin();
    const made: number[] = [];
    for await (const id of writeTokens({
      reading,
      prompt: [1, 2],
      most: 5,
      ends: never,
      choose: likeliest,
      signal,
      ...changes,
    }))
      made.push(id);
    return made;
  }

  /** What a decoder would say after `text`, worked out from its whole. */
  function expected(text: readonly number[], count: number): readonly number[] {
    if (count === 0) return [];
    const next = numberOf(text) % VOCABULARY;
    return [next, ...expected([...text, next], count - 1)];
  }

  test("goes on with what it wrote, as far as it may", async () => {
    expect(await written()).toEqual(expected([1, 2], 5));
    expect(await written({ most: 0 })).toEqual([]);
  });

  test("ends with a token that ends", async () => {
    const [first = 0, second = 0] = expected([1, 2], 2);
    expect(first).not.toBe(second);
    expect(await written({ ends: new Set([second]) })).toEqual([first, second]);
  });

  test("asks who chooses with all that is written", async () => {
    const asked: (readonly number[])[] = [];
    const choose = (_: Float32Array, said: readonly number[]) => asked.push([...said]);
    expect(await written({ choose, most: 3 })).toEqual([1, 2, 3]);
    expect(asked).toEqual([[], [1], [1, 2]]);
  });

  test("ends with the reason it is called off for", async () => {
    const controller = new AbortController();
    const choose = (logits: Float32Array, said: readonly number[]) => {
      if (said.length === 1) controller.abort(new Error("enough"));
      return likeliest(logits);
    };
    await expect(written({ choose, signal: controller.signal })).rejects.toThrow("enough");
  });
});
