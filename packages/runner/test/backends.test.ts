import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogFields, silentLogger } from "@rivulet/primitives";
import { type OnnxElementType, onnxModel } from "@rivulet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Port } from "../src/backend.ts";
import { type MemoryGraph, memoryBackend } from "../src/backends/memory/memory-backend.ts";
import { onnxBackend } from "../src/backends/onnx/onnx-backend.ts";
import { type ElementType, floatsOf, tensorOf } from "../src/tensor.ts";
import { backendContract } from "./backend-contract.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rivulet-backends-"));
  await writeFile(join(directory, "model.onnx"), doubling("float32"));
  await writeFile(join(directory, "half.onnx"), doubling("float16"));
  await writeFile(join(directory, "rubbish.onnx"), "this is no model");
});
afterAll(() => rm(directory, { recursive: true }));

function doubling(type: OnnxElementType): Uint8Array {
  return onnxModel({
    inputs: [
      { name: "x", type, dims: ["batch", 3] },
      { name: "t", type: "int64", dims: [1] },
    ],
    outputs: [
      { name: "y", type, dims: ["batch", 3] },
      { name: "z", type, dims: ["batch", 3] },
    ],
    nodes: [
      { op: "Cast", inputs: ["t"], outputs: ["t_real"], attributes: { to: { int: type === "float16" ? 10 : 1 } } },
      { op: "Add", inputs: ["x", "x"], outputs: ["z"] },
      { op: "Add", inputs: ["z", "t_real"], outputs: ["y"] },
    ],
  });
}

function doublingFunction(type: ElementType): MemoryGraph {
  const port = (name: string): Port => ({ name, type, dims: ["batch", 3] });
  return {
    inputs: [port("x"), { name: "t", type: "int64", dims: [1] }],
    outputs: [port("y"), port("z")],
    run: ({ x, t }) => {
      if (x === undefined || t === undefined) throw new RangeError("an input is missing");
      const twice = floatsOf(x).map((value) => 2 * value);
      const [shift = 0] = floatsOf(t);
      return {
        y: tensorOf(
          type,
          twice.map((value) => value + shift),
          x.dims,
        ),
        z: tensorOf(type, twice, x.dims),
      };
    },
  };
}

backendContract("ONNX Runtime", async () => ({
  backend: onnxBackend({ log: silentLogger }),
  file: join(directory, "model.onnx"),
  halfFile: join(directory, "half.onnx"),
  missingFile: join(directory, "missing.onnx"),
}));

backendContract("memory", async () => ({
  backend: memoryBackend("/models", {
    "model.onnx": doublingFunction("float32"),
    "half.onnx": doublingFunction("float16"),
  }),
  file: "/models/model.onnx",
  halfFile: "/models/half.onnx",
  missingFile: "/models/missing.onnx",
}));

/** A backend and what it warned of. */
function warned(...providers: string[]) {
  const warnings: [string, LogFields | undefined][] = [];
  const log = { ...silentLogger, warn: (event: string, fields?: LogFields) => void warnings.push([event, fields]) };
  return { warnings, backend: onnxBackend({ log, providers }) };
}

test("ONNX Runtime goes on to the next provider when one cannot be used, and says so", async () => {
  const { warnings, backend } = warned("no-such-provider", "cpu");
  const graph = await backend.open(join(directory, "model.onnx"), { threads: 1 });
  expect(graph.inputs).toHaveLength(2);
  expect(warnings.map(([event, fields]) => [event, fields?.["provider"]])).toEqual([
    ["execution provider not usable", "no-such-provider"],
  ]);
  await graph.close();
});

test("ONNX Runtime does not take the processor where an accelerator alone was asked for", async () => {
  for (const provider of ["no-such-provider", "cuda:99", "cuda:x"]) {
    const { warnings, backend } = warned(provider);
    await expect(backend.open(join(directory, "model.onnx"), { threads: 1 })).rejects.toThrow(
      `execution provider ${provider}`,
    );
    expect(warnings).toEqual([]);
  }
});

test("ONNX Runtime does not open a file that holds no model", async () => {
  const backend = onnxBackend({ log: silentLogger });
  await expect(backend.open(join(directory, "rubbish.onnx"), { threads: 1 })).rejects.toThrow();
});
