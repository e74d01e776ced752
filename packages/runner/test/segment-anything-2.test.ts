import { type PipelineRequest, segmentAnything2 as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import type { Backend } from "../src/backend.ts";
import type { RunContext } from "../src/implementation.ts";
import { segmentAnything2 } from "../src/pipelines/segment-anything-2.ts";
import { referenceFile } from "./parity/references.ts";
import { file, odd, pictureFile, unreadable } from "./pictures.ts";
import { keepingBackend, type Run, recordingBackend } from "./recording-backend.ts";

const backend = keepingBackend();
/** Sides of the tiny model's small masks. */
const SMALL = 16;

async function load(wrapped: Backend = backend) {
  const runs: Run[] = [];
  const model = await segmentAnything2(() => recordingBackend(runs, { open: 0 }, wrapped)).load({
    directory: referenceFile("sam2", "model"),
    model: "tiny/sam2",
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
  const count = (input: string) => runs.filter(({ feeds }) => input in feeds).length;
  return { model, runs, looks: () => count("pixel_values"), prompts: () => count("input_points") };
}

async function context(overrides: Partial<RunContext> = {}): Promise<RunContext> {
  return {
    media: { image: await pictureFile(40, 24) },
    signal: new AbortController().signal,
    randomness: seededRandomness(1),
    clock: new TestClock(),
    onProgress: () => {},
    ...overrides,
  };
}

type Fields = Partial<PipelineRequest<"segment-anything-2">>;
const CLICK: Fields = { point_coords: "[[20, 12]]", point_labels: "[1]" };
const request = (fields: Fields = CLICK) => pipeline.request.parse(fields);
const code = (wanted: string) => expect.toSatisfy((error) => isError(error) && error.code === wanted);
const shapeOf = (text: string) => {
  const value: number[][][] = JSON.parse(text);
  return [value.length, value[0]?.length, value[0]?.[0]?.length];
};

describe("masks", () => {
  test("are three of the picture's size, best first, with small ones to hand in again", async () => {
    const { model } = await load();
    const answer = await model.run(request(), await context());
    expect(shapeOf(answer.masks)).toEqual([3, 24, 40]);
    expect(shapeOf(answer.logits)).toEqual([3, SMALL, SMALL]);
    const scores: number[] = JSON.parse(answer.scores);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    const [best]: number[][][] = JSON.parse(answer.logits);
    const again = await model.run(request({ ...CLICK, mask_input: JSON.stringify([best]) }), await context());
    expect(again.masks).not.toBe(answer.masks);
  });

  test("are one where no choice is wanted", async () => {
    const { model } = await load();
    const answer = await model.run(request({ ...CLICK, multimask_output: false }), await context());
    expect(shapeOf(answer.masks)).toEqual([1, 24, 40]);
    expect(JSON.parse(answer.scores)).toHaveLength(1);
  });

  test("are 0 and 1 where no logits are wanted, 1 where the logits are above 0", async () => {
    const { model } = await load();
    const logits: number[][][] = JSON.parse((await model.run(request(), await context())).masks);
    const { masks } = await model.run(request({ ...CLICK, return_logits: false }), await context());
    expect(JSON.parse(masks).flat(2)).toEqual(logits.flat(2).map((logit) => (logit > 0 ? 1 : 0)));
    expect(masks).toMatch(/^\[\[\[(?:[01]\.0[,\][]*)+$/);
  });

  test("are the same for pixels and for shares of the sides", async () => {
    const { model } = await load();
    const shares = request({ point_coords: "[[0.5, 0.5]]", point_labels: "[1]", normalize_coords: false });
    expect(await model.run(shares, await context())).toEqual(await model.run(request(), await context()));
  });

  test("are the same for a box alone or in a list", async () => {
    const { model } = await load();
    const [one, other] = ["[1, 2, 30, 20]", "[[1, 2, 30, 20]]"].map(async (box) =>
      model.run(request({ box }), await context()),
    );
    expect(await one).toEqual(await other);
  });

  test("are found without any prompt", async () => {
    const { model } = await load();
    expect(shapeOf((await model.run(request({}), await context())).masks)).toEqual([3, 24, 40]);
  });

  test("are not made of numbers that are none", async () => {
    const { model } = await load(broken(backend));
    await expect(model.run(request(), await context())).rejects.toEqual(code("runner.failed"));
  });
});

describe("a picture", () => {
  test("is looked at once, however many prompts there are", async () => {
    const { model, looks, prompts } = await load();
    await model.run(request(), await context());
    await model.run(request({ box: "[1, 1, 9, 9]" }), await context());
    expect([looks(), prompts()]).toEqual([1, 2]);
    await model.run(request(), await context({ media: { image: await pictureFile(24, 40) } }));
    expect(looks()).toBe(2);
  });

  test.each(Object.entries(odd))("of %s has masks of its size", async (_name, make) => {
    const { model } = await load();
    const { width, height, ...image } = await make();
    const { masks } = await model.run(request(), await context({ media: { image } }));
    expect(shapeOf(masks)).toEqual([3, height, width]);
  });

  test.each(Object.entries(unreadable))("that is %s is refused, naming the field", async (_name, { bytes, code }) => {
    const { model } = await load();
    await expect(model.run(request(), await context({ media: { image: file(bytes) } }))).rejects.toMatchObject({
      code,
      facts: { field: "image" },
    });
  });

  test("whose masks would not fit an answer is refused before they are written", async () => {
    const { model } = await load();
    const image = await pictureFile(4_000, 2_000);
    const running = model.run(request(), await context({ media: { image } }));
    await expect(running).rejects.toMatchObject({
      code: "request.rejected-by-model",
      facts: { field: "image" },
    });
  });

  test("is left within a step when the caller goes away", async () => {
    const { model, looks, prompts } = await load();
    const controller = new AbortController();
    const running = model.run(request(), await context({ signal: controller.signal }));
    controller.abort(new RivuletError("request.cancelled", {}));
    await expect(running).rejects.toEqual(code("request.cancelled"));
    expect([looks(), prompts()]).toEqual([0, 0]);
  });
});

describe("a field is refused by name", () => {
  const mask = (rows: number, columns: number, value: unknown = 0) =>
    JSON.stringify([Array.from({ length: rows }, () => new Array(columns).fill(value))]);

  test.each<[string, Fields]>([
    ["point_coords", { point_coords: "[[1, 2]", point_labels: "[1]" }],
    ["point_coords", { point_coords: "[1, 2]", point_labels: "[1]" }],
    ["point_coords", { point_coords: "[[1, 2, 3]]", point_labels: "[1]" }],
    ["point_coords", { point_coords: '[["1", 2]]', point_labels: "[1]" }],
    ["point_coords", { point_coords: "[[1, 1e300]]", point_labels: "[1]" }],
    ["point_coords", { point_coords: "[[1, null]]", point_labels: "[1]" }],
    ["point_coords", { point_coords: "null", point_labels: "[1]" }],
    [
      "point_coords",
      {
        point_coords: JSON.stringify(new Array(1025).fill([1, 1])),
        point_labels: JSON.stringify(new Array(1025).fill(1)),
      },
    ],
    ["point_labels", { point_coords: "[[1, 2]]" }],
    ["point_labels", { point_labels: "[1]" }],
    ["point_labels", { point_coords: "[[1, 2]]", point_labels: "[1, 0]" }],
    ["point_labels", { point_coords: "[[1, 2]]", point_labels: "[7]" }],
    ["point_labels", { point_coords: "[[1, 2]]", point_labels: "[[1]]" }],
    ["point_labels", { point_coords: "[[1, 2]]", point_labels: "1" }],
    ["box", { box: "{}" }],
    ["box", { box: "[1, 2, 3]" }],
    ["box", { box: "[[1, 2, 3, 4], [5, 6, 7, 8]]" }],
    ["box", { box: "[[[1, 2, 3, 4]]]" }],
    ["mask_input", { ...CLICK, mask_input: "[" }],
    ["mask_input", { ...CLICK, mask_input: "[[[]]]" }],
    ["mask_input", { ...CLICK, mask_input: mask(SMALL, SMALL - 1) }],
    ["mask_input", { ...CLICK, mask_input: mask(256, 256) }],
    ["mask_input", { ...CLICK, mask_input: mask(SMALL, SMALL, 1e30) }],
    ["mask_input", { ...CLICK, mask_input: mask(SMALL, SMALL, "1") }],
  ])("%s: %j", async (field, fields) => {
    const { model, prompts } = await load();
    await expect(model.run(request(fields), await context())).rejects.toSatisfy(
      (error) => isError(error, "request.rejected-by-model") && error.facts.field === field,
    );
    expect(prompts()).toBe(0);
  });
});

describe("an export that gives three masks and takes none", () => {
  test("answers, the best of three where one is wanted", async () => {
    const { model } = await load(common(backend));
    const three = await model.run(request(), await context());
    expect(shapeOf(three.masks)).toEqual([3, 24, 40]);
    const one = await model.run(request({ ...CLICK, multimask_output: false }), await context());
    expect(JSON.parse(one.scores)).toEqual(JSON.parse(three.scores).slice(0, 1));
  });

  test("gets one point that is none where there is no prompt, and never one at the end of others", async () => {
    const { model, runs } = await load(common(backend));
    await model.run(request({}), await context());
    await model.run(request(), await context());
    const labels = runs.flatMap(({ feeds }) =>
      feeds["input_labels"] ? [[...feeds["input_labels"].data].map(Number)] : [],
    );
    expect(labels).toEqual([[-1], [1]]);
  });

  test("refuses a mask to start from", async () => {
    const { model } = await load(common(backend));
    await expect(model.run(request({ ...CLICK, mask_input: "[[[0]]]" }), await context())).rejects.toMatchObject({
      code: "request.rejected-by-model",
      facts: { field: "mask_input", reason: "is not supported by this model export" },
    });
  });
});

/** The tiny model in the guise of the exports that are common: no masks go in, and the single one does not come out. */
function common(inner: Backend): Backend {
  const hidden = ["input_masks", "has_input_masks"];
  return {
    async open(path, options) {
      const graph = await inner.open(path, options);
      const isDecoder = graph.inputs.some(({ name }) => name === "input_points");
      return {
        file: graph.file,
        inputs: graph.inputs.filter(({ name }) => !hidden.includes(name)),
        outputs: graph.outputs,
        close: () => graph.close(),
        async run(feeds, outputs) {
          if (!isDecoder) return graph.run(feeds, outputs);
          const none = new Float32Array(SMALL * SMALL);
          const results = await graph.run(
            {
              ...feeds,
              input_masks: { type: "float32", dims: [1, 1, SMALL, SMALL], data: none },
              has_input_masks: { type: "float32", dims: [1], data: Float32Array.of(0) },
            },
            outputs,
          );
          const choices = Object.entries(results).map(([name, { dims, data }]) => {
            const kept = Float32Array.from(data as Float32Array).subarray(data.length / 4);
            return [name, { type: "float32", dims: dims.with(2, 3), data: kept }] as const;
          });
          return Object.fromEntries(choices);
        },
      };
    },
  };
}

/** A model whose scores are no numbers. */
function broken(inner: Backend): Backend {
  return {
    async open(path, options) {
      const graph = await inner.open(path, options);
      return {
        file: graph.file,
        inputs: graph.inputs,
        outputs: graph.outputs,
        close: () => graph.close(),
        async run(feeds, outputs) {
          const { iou_scores: scores, ...results } = await graph.run(feeds, outputs);
          if (scores?.type !== "float32") return results;
          return { ...results, iou_scores: { ...scores, data: scores.data.map(() => Number.NaN) } };
        },
      };
    },
  };
}
