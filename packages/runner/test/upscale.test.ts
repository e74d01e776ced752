import { decodeImage, encodePng, parseDataUrl, type Rgb8 } from "@rivulet/media";
import { upscale as pipeline } from "@rivulet/pipelines";
import { RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import type { Backend } from "../src/backend.ts";
import type { Progress } from "../src/implementation.ts";
import { upscale } from "../src/pipelines/upscale.ts";
import { floats, floatsOf } from "../src/tensor.ts";
import { referenceFile } from "./parity/references.ts";
import { keepingBackend, type Run, recordingBackend } from "./recording-backend.ts";

const FACTOR = 4;
const WINDOW = 8;
/** Wider than anything that is worked on at once, and low so that it is soon done. */
const WIDE = { width: 700, height: 20 };
const MOST_AT_ONCE = 512;
const STEPS = 2;

const backend = keepingBackend();
const picture: Rgb8 = {
  ...WIDE,
  data: Uint8Array.from({ length: 3 * WIDE.width * WIDE.height }, (_, i) => 128 + 100 * Math.sin(i * i * 0.013)),
};

interface Upscaling {
  readonly family: "swin2sr" | "x4";
  readonly runsOn: Backend;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

async function upscaled({ family, runsOn, signal = new AbortController().signal, onProgress = () => {} }: Upscaling) {
  const model = await upscale(() => runsOn).load({
    directory: referenceFile(family, "model"),
    model: family,
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
  const image = { bytes: await encodePng(picture), filename: "a.png", contentType: "image/png" };
  const { images } = await model.run(
    pipeline.request.parse({ prompt: "larger", seed: 1, num_inference_steps: STEPS }),
    { media: { image }, signal, randomness: seededRandomness(0), clock: new TestClock(), onProgress },
  );
  return decodeImage(parseDataUrl(images[0]?.url ?? "", { maxBytes: 10_000_000 }).bytes);
}

/** What the model makes of the whole picture at once, mirrored up to the next whole window. */
async function atOnce(): Promise<Uint8ClampedArray> {
  const graph = await backend.open(referenceFile("swin2sr", "model/onnx/model.onnx"), { threads: 1 });
  const beyond = (side: number) => (Math.floor(side / WINDOW) + 1) * WINDOW;
  const [wide, high] = [beyond(WIDE.width), beyond(WIDE.height)];
  const folded = (at: number, length: number) => (at < length ? at : 2 * length - 1 - at);
  const planes = Float32Array.from({ length: 3 * wide * high }, (_, i) => {
    const [x, y, c] = [i % wide, Math.floor(i / wide) % high, Math.floor(i / (wide * high))];
    const pixel = folded(y, WIDE.height) * WIDE.width + folded(x, WIDE.width);
    return (picture.data[3 * pixel + c] ?? 0) / 255;
  });
  const { reconstruction } = await graph.run({ pixel_values: floats(planes, [1, 3, high, wide]) });
  if (reconstruction === undefined) throw new RangeError("the model made nothing");
  const made = floatsOf(reconstruction);
  const [width, height] = [WIDE.width * FACTOR, WIDE.height * FACTOR];
  return Uint8ClampedArray.from({ length: 3 * width * height }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / (3 * width))];
    return 255 * (made[(c * high * FACTOR + y) * wide * FACTOR + x] ?? 0);
  });
}

test("a picture larger than memory is meant for is made in tiles, and nobody can see it", async () => {
  const runs: Run[] = [];
  const made = await upscaled({ family: "swin2sr", runsOn: recordingBackend(runs, { open: 0 }, backend) });
  expect([made.width, made.height]).toEqual([WIDE.width * FACTOR, WIDE.height * FACTOR]);
  const widths = runs.map(({ feeds }) => feeds["pixel_values"]?.dims[3] ?? 0);
  expect(widths.length).toBe(2);
  expect(Math.max(...widths)).toBeLessThanOrEqual(MOST_AT_ONCE + WINDOW);
  const whole = await atOnce();
  const worst = made.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (whole[i] ?? 0))), 0);
  expect(worst).toBeLessThanOrEqual(1);
});

test("a file that is no upscaler is closed, and what it lacks is told", async () => {
  const counts = { open: 0 };
  const other: Backend = {
    open: async (file) => ({ file, inputs: [], outputs: [], run: async () => ({}), close: async () => {} }),
  };
  const upscaling = upscaled({ family: "swin2sr", runsOn: recordingBackend([], counts, other) });
  await expect(upscaling).rejects.toThrow(/pixel_values/);
  expect(counts.open).toBe(0);
});

test("a job that is called off between two tiles ends there", async () => {
  const runs: Run[] = [];
  const called = new AbortController();
  const reason = new RivuletError("request.cancelled", {});
  const recording = recordingBackend(runs, { open: 0 }, backend);
  const calledOff: Backend = {
    async open(...asked) {
      const graph = await recording.open(...asked);
      return {
        file: graph.file,
        inputs: graph.inputs,
        outputs: graph.outputs,
        close: () => graph.close(),
        async run(...given) {
          called.abort(reason);
          return graph.run(...given);
        },
      };
    },
  };
  await expect(upscaled({ family: "swin2sr", runsOn: calledOff, signal: called.signal })).rejects.toBe(reason);
  expect(runs).toHaveLength(1);
});

test("tiles of a diffusion model begin with what they share of one noise, and count their steps together", async () => {
  const runs: Run[] = [];
  const told: Progress[] = [];
  const runsOn = recordingBackend(runs, { open: 0 }, backend);
  const made = await upscaled({ family: "x4", runsOn, onProgress: (progress) => told.push(progress) });
  expect([made.width, made.height]).toEqual([WIDE.width * FACTOR, WIDE.height * FACTOR]);
  const samples = runs.filter(({ component }) => component === "unet").map(({ feeds }) => feeds["sample"]);
  expect(samples).toHaveLength(2 * STEPS);
  const [left, right] = [samples[0], samples[STEPS]].map((tensor) => {
    if (tensor === undefined) throw new RangeError("the model was shown nothing");
    expect(tensor.dims[3]).toBe(MOST_AT_ONCE);
    const seen = floatsOf(tensor);
    const rows = Array.from({ length: seen.length / MOST_AT_ONCE }, (_, y) => y * MOST_AT_ONCE);
    return (from: number, to: number) => rows.map((row) => seen.subarray(row + from, row + to));
  });
  const begin = WIDE.width - MOST_AT_ONCE;
  expect(left?.(begin, MOST_AT_ONCE)).toEqual(right?.(0, MOST_AT_ONCE - begin));
  expect(left?.(0, MOST_AT_ONCE)).not.toEqual(right?.(0, MOST_AT_ONCE));
  const steps = told.filter(({ kind }) => kind === "step");
  expect(steps).toEqual([1, 2, 3, 4].map((step) => ({ kind: "step", image: 0, step, of: 2 * STEPS })));
});
