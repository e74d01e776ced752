/** Element types of ONNX tensors and their numbers. Source: `TensorProto.DataType` of the ONNX schema. */
const elementTypes = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 } as const;

export type OnnxElementType = keyof typeof elementTypes;

/** An input or output. A dim with a name is left open. */
export interface OnnxPort {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly dims: readonly (number | string)[];
}

/** A constant inside the file. `data` holds the elements as they lie in memory, little endian. */
export interface OnnxConstant {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView;
  /** The file beside the model that holds the data, from its first byte; the caller writes it. Inside the model when left out. */
  readonly file?: string;
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] };

/** One operation. Names of values connect nodes; "" leaves an optional input out. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly constants?: readonly OnnxConstant[];
  readonly nodes: readonly OnnxNode[];
}

const IR_VERSION = 8;
const OPSET = 17;

/** The bytes of an ONNX file: enough of the format to build small models in tests, without a toolkit. */
export function onnxModel(graph: OnnxGraph): Uint8Array {
  return concat([
    varintField(1, IR_VERSION),
    textField(2, "rivulet-testkit"),
    field(7, graphBytes(graph)),
    field(8, concat([textField(1, ""), varintField(2, OPSET)])),
  ]);
}

/** A float constant, from plain numbers. */
export function onnxFloats(name: string, dims: readonly number[], values: Iterable<number>): OnnxConstant {
  return { name, type: "float32", dims, data: Float32Array.from(values) };
}

/** An int64 constant, from plain numbers: shapes, axes, indices. */
export function onnxInts(name: string, dims: readonly number[], values: Iterable<number>): OnnxConstant {
  return { name, type: "int64", dims, data: BigInt64Array.from(Array.from(values, BigInt)) };
}

function graphBytes(graph: OnnxGraph): Uint8Array {
  return concat([
    ...graph.nodes.map((node, index) => field(1, nodeBytes(node, index))),
    textField(2, "graph"),
    ...(graph.constants ?? []).map((constant) => field(5, constantBytes(constant))),
    ...graph.inputs.map((port) => field(11, portBytes(port))),
    ...graph.outputs.map((port) => field(12, portBytes(port))),
  ]);
}

function nodeBytes(node: OnnxNode, index: number): Uint8Array {
  return concat([
    ...node.inputs.map((name) => textField(1, name)),
    ...node.outputs.map((name) => textField(2, name)),
    textField(3, `${node.op}_${index}`),
    textField(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) => field(5, attributeBytes(name, value))),
  ]);
}

const attributeTypes = { float: 1, int: 2, text: 3, ints: 7 } as const;

function attributeBytes(name: string, value: OnnxAttribute): Uint8Array {
  const head = textField(1, name);
  if ("int" in value) return concat([head, varintField(3, value.int), varintField(20, attributeTypes.int)]);
  if ("float" in value) return concat([head, floatField(2, value.float), varintField(20, attributeTypes.float)]);
  if ("text" in value) return concat([head, textField(4, value.text), varintField(20, attributeTypes.text)]);
  return concat([head, ...value.ints.map((item) => varintField(8, item)), varintField(20, attributeTypes.ints)]);
}

function constantBytes(constant: OnnxConstant): Uint8Array {
  const { buffer, byteOffset, byteLength } = constant.data;
  const head = concat([
    ...constant.dims.map((dim) => varintField(1, dim)),
    varintField(2, elementTypes[constant.type]),
    textField(8, constant.name),
  ]);
  if (constant.file === undefined) return concat([head, field(9, new Uint8Array(buffer, byteOffset, byteLength))]);
  const place = Object.entries({ location: constant.file, offset: "0", length: String(byteLength) });
  return concat([
    head,
    ...place.map(([key, value]) => field(13, concat([textField(1, key), textField(2, value)]))),
    varintField(14, EXTERNAL),
  ]);
}

/** `TensorProto.DataLocation` of data in a file of its own. */
const EXTERNAL = 1;

function portBytes(port: OnnxPort): Uint8Array {
  const dims = port.dims.map((dim) => field(1, typeof dim === "number" ? varintField(1, dim) : textField(2, dim)));
  const tensor = concat([varintField(1, elementTypes[port.type]), field(2, concat(dims))]);
  return concat([textField(1, port.name), field(2, field(1, tensor))]);
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function textField(number: number, text: string): Uint8Array {
  return field(number, new TextEncoder().encode(text));
}

function varintField(number: number, value: number): Uint8Array {
  return concat([varint(number << 3), varint(value)]);
}

function floatField(number: number, value: number): Uint8Array {
  return concat([varint((number << 3) | 5), new Uint8Array(Float32Array.of(value).buffer)]);
}

/** Base-128 with the low group first; negative numbers as 64-bit two's complement. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const more = rest > 127n;
    bytes.push(Number(rest & 127n) | (more ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
