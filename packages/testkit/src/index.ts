export { TestClock, turn } from "./clock.ts";
export {
  type OnnxAttribute,
  type OnnxConstant,
  type OnnxElementType,
  type OnnxGraph,
  type OnnxNode,
  type OnnxPort,
  onnxFloats,
  onnxInts,
  onnxModel,
} from "./onnx-writer.ts";
export { seededRandomness } from "./seed.ts";
export { readVectors, testVectors, type VectorCase, type VectorFile, type VectorRun } from "./vectors.ts";
