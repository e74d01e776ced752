import fc from "fast-check";
import { expect, test } from "vitest";
import type { Graph } from "../backend.ts";
import { ModelSettings } from "../model-settings.ts";
import { floatsOf } from "../tensor.ts";
import { LatentGraph } from "./latent-graph.ts";

/** Answers each number of the sample doubled, and refuses sides that are no multiples of `step` as runtimes do. */
function doubling(step: number) {
  const seen: { readonly dims: readonly number[] }[] = [];
  const graph: Graph = {
    file: "model.onnx",
    inputs: [{ name: "sample", type: "float32", dims: ["b", "c", "h", "w"] }],
    outputs: [{ name: "out_sample", type: "float32", dims: ["b", "c", "h", "w"] }],
    async run({ sample }) {
      if (sample === undefined) throw new RangeError("no sample");
      const data = floatsOf(sample);
      seen.push({ dims: sample.dims });
      if (sample.dims.slice(-2).some((side) => side % step !== 0)) throw new Error("axis: incompatible dimensions");
      return { out_sample: { type: "float32", dims: sample.dims, data: data.map((value) => 2 * value) } };
    },
    close: async () => {},
  };
  const config = new ModelSettings({ block_out_channels: [1, 1, 1] }, "config.json");
  return { latents: new LatentGraph(graph, "sample", config), seen };
}

const side = fc.integer({ min: 1, max: 11 });

test("a graph that takes only multiples answers any size as one that takes all", async () => {
  await fc.assert(
    fc.asyncProperty(side, side, fc.integer({ min: 1, max: 3 }), async (height, width, planes) => {
      const dims = [1, planes, height, width];
      const data = Float32Array.from({ length: planes * height * width }, (_, index) => index);
      const { latents, seen } = doubling(4);
      for (let step = 0; step < 2; step++)
        expect(await latents.run({ data, dims }, {})).toEqual(data.map((value) => 2 * value));
      const isWhole = height % 4 === 0 && width % 4 === 0;
      // What it cannot is tried once.
      expect(seen).toHaveLength(isWhole ? 2 : 3);
      const [high = 0, wide = 0] = seen.at(-1)?.dims.slice(-2) ?? [];
      expect([high % 4, wide % 4, high - height < 4, wide - width < 4]).toEqual([0, 0, true, true]);
    }),
  );
});

test("a graph that takes all sizes gets them as they are", async () => {
  const { latents, seen } = doubling(1);
  await latents.run({ data: new Float32Array(15), dims: [1, 1, 3, 5] }, {});
  expect(seen.map(({ dims }) => dims)).toEqual([[1, 1, 3, 5]]);
});

test("any other failure is told as it is, and nothing is tried again", async () => {
  for (const reason of ["Failed to allocate memory", "running Reshape node. Failed to allocate memory", "the disk"]) {
    let runs = 0;
    const graph: Graph = {
      file: "model.onnx",
      inputs: [{ name: "sample", type: "float32", dims: [] }],
      outputs: [{ name: "out_sample", type: "float32", dims: [] }],
      run() {
        runs += 1;
        return Promise.reject(new Error(reason));
      },
      close: async () => {},
    };
    const latents = new LatentGraph(graph, "sample", new ModelSettings({ block_out_channels: [1, 1] }, "config.json"));
    await expect(latents.run({ data: new Float32Array(3), dims: [1, 1, 1, 3] }, {})).rejects.toThrow(reason);
    expect(runs).toBe(1);
  }
});
