import { expect, test } from "vitest";
import { takeFloats, takeOutput } from "./outputs.ts";

const halves = { type: "float16", dims: [2], data: Uint16Array.of(0x3c00, 0xc000) } as const;

test("an output is taken as it is, or as floats", () => {
  expect(takeOutput({ logits: halves }, "logits", "model.onnx")).toBe(halves);
  expect(takeFloats({ logits: halves }, "logits", "model.onnx")).toEqual({
    type: "float32",
    dims: [2],
    data: Float32Array.of(1, -2),
  });
});

test("what a run did not give is told with the file that was run", () => {
  for (const take of [takeOutput, takeFloats])
    expect(() => take({ logits: halves }, "present.0.key", "decoder.onnx")).toThrow(
      new RangeError("decoder.onnx gave no present.0.key"),
    );
});
