import { describe, expect, test } from "vitest";
import type { Backend, Graph } from "../src/backend.ts";
import { floats, floatsOf, type Tensor, tensorOf } from "../src/tensor.ts";

/** A backend with two models: y = 2 · x + t for any number of rows of three, and the same in half precision. */
export interface BackendUnderTest {
  readonly backend: Backend;
  readonly file: string;
  readonly halfFile: string;
  readonly missingFile: string;
}

/** What every backend does, whatever runs its models. */
export function backendContract(name: string, make: () => Promise<BackendUnderTest>): void {
  describe(`the ${name} backend`, () => {
    const open = async (which: "file" | "halfFile" | "missingFile"): Promise<Graph> => {
      const made = await make();
      return made.backend.open(made[which], { threads: 1 });
    };
    const x = floats(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const t = tensorOf("int64", [10], [1]);

    test("says what a model takes and gives, with open dims by name", async () => {
      const graph = await open("file");
      expect(graph.inputs).toEqual([
        { name: "x", type: "float32", dims: ["batch", 3] },
        { name: "t", type: "int64", dims: [1] },
      ]);
      expect(graph.outputs.map(({ name, type }) => [name, type])).toEqual([
        ["y", "float32"],
        ["z", "float32"],
      ]);
      await graph.close();
    });

    test("computes the outputs that are asked for, and all when none is named", async () => {
      const graph = await open("file");
      const { y, ...others } = await graph.run({ x, t }, ["y"]);
      expect(others).toEqual({});
      expect([...floatsOf(y as Tensor)]).toEqual([12, 14, 16, 18, 20, 22]);
      expect(y?.dims).toEqual([2, 3]);
      expect(Object.keys(await graph.run({ x, t }))).toEqual(["y", "z"]);
      await graph.close();
    });

    test("takes and gives halves as bit patterns", async () => {
      const graph = await open("halfFile");
      const { y } = await graph.run({ x: tensorOf("float16", [0.5, 1, 1.5], [1, 3]), t });
      expect(y?.type).toBe("float16");
      expect(y?.data).toBeInstanceOf(Uint16Array);
      expect([...floatsOf(y as Tensor)]).toEqual([11, 12, 13]);
      await graph.close();
    });

    test("lets the event loop turn before it computes", async () => {
      const graph = await open("file");
      let turned = false;
      setImmediate(() => (turned = true));
      await graph.run({ x, t });
      expect(turned).toBe(true);
    });

    test("does not open what is not there", async () => {
      await expect(open("missingFile")).rejects.toThrow();
    });

    test("refuses a run without an input", async () => {
      const graph = await open("file");
      await expect(graph.run({ x })).rejects.toThrow();
      await graph.close();
    });
  });
}
