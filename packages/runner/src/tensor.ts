/// <reference lib="esnext.float16" />

/** How each element type of a model file is held in memory. `float16` holds bit patterns. */
interface ElementArrays {
  readonly float32: Float32Array;
  readonly float16: Uint16Array;
  readonly float64: Float64Array;
  readonly int64: BigInt64Array;
  readonly int32: Int32Array;
  readonly uint8: Uint8Array;
  readonly bool: Uint8Array;
}

export type ElementType = keyof ElementArrays;

const arrays: { readonly [T in ElementType]: new (length: number) => ElementArrays[T] } = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** Numbers with a shape: what goes into a model and comes out of it. Row-major; `data` is shared, never copied. */
export type Tensor<T extends ElementType = ElementType> = T extends ElementType
  ? { readonly type: T; readonly dims: readonly number[]; readonly data: ElementArrays[T] }
  : never;

/** The number of elements of a shape. A scalar has the empty shape and one element. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Floats with a shape. Throws `RangeError` when the two do not fit. */
export function floats(data: Float32Array, dims: readonly number[]): Tensor<"float32"> {
  if (data.length !== sizeOf(dims)) throw new RangeError(`${data.length} numbers do not fill [${dims.join(", ")}]`);
  return { type: "float32", dims, data };
}

/** Zeros with a shape. */
function zeros(type: ElementType, dims: readonly number[]): Tensor {
  return { type, dims, data: new arrays[type](sizeOf(dims)) } as Tensor;
}

/** As many elements as a shape has, from one on. Shares them. Throws `RangeError` when there are fewer. */
export function partOf(tensor: Tensor, dims: readonly number[], from = 0): Tensor {
  const data = tensor.data.subarray(from, from + sizeOf(dims));
  if (data.length !== sizeOf(dims)) throw new RangeError(`${data.length} numbers do not fill [${dims.join(", ")}]`);
  return { type: tensor.type, dims, data } as Tensor;
}

/** What is at the first `count` places of the last axis but one: of rows, the first. A copy, but of a tensor that has no more. */
export function cropped(tensor: Tensor, count: number): Tensor {
  const [rows = 1, width = 1] = tensor.dims.slice(-2);
  if (count >= rows) return tensor;
  const others = tensor.dims.slice(0, -2);
  const kept = zeros(tensor.type, [...others, count, width]);
  const [from, to] = [bytesOf(tensor), bytesOf(kept)];
  const [step, size] = [from.length / sizeOf(others), to.length / sizeOf(others)];
  for (let i = 0; i < sizeOf(others); i++) to.set(from.subarray(i * step, i * step + size), i * size);
  return kept;
}

/** Rows of tensors of one type and shape, one under the other: places along the first axis. Copies them. */
export function gathered(rows: readonly (readonly [tensor: Tensor, row: number])[]): Tensor {
  const [first] = rows;
  if (first === undefined) throw new RangeError("there is nothing to gather");
  const [{ type, dims }] = first;
  const whole = zeros(type, [rows.length, ...dims.slice(1)]);
  const [to, size] = [bytesOf(whole), whole.data.byteLength / rows.length];
  for (const [at, [tensor, row]] of rows.entries())
    to.set(bytesOf(tensor).subarray(row * size, (row + 1) * size), at * size);
  return whole;
}

function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The numbers in the element type a model file asks for. Fractions are cut off where it asks for whole numbers. */
export function tensorOf(type: ElementType, values: Float32Array | readonly number[], dims: readonly number[]): Tensor {
  if (values.length !== sizeOf(dims)) throw new RangeError(`${values.length} numbers do not fill [${dims.join(", ")}]`);
  switch (type) {
    case "float32":
      return { type, dims, data: values instanceof Float32Array ? values : Float32Array.from(values) };
    case "float16":
      return { type, dims, data: toHalf(values) };
    case "float64":
      return { type, dims, data: Float64Array.from(values) };
    case "int64":
      return { type, dims, data: BigInt64Array.from<number>(values, wholeBigInt) };
    case "int32":
      return { type, dims, data: Int32Array.from(values) };
    case "uint8":
    case "bool":
      return { type, dims, data: Uint8Array.from(values) };
  }
}

/** The elements as floats; those of a `float32` tensor are its own, not a copy. */
export function floatsOf(tensor: Tensor): Float32Array {
  switch (tensor.type) {
    case "float32":
      return tensor.data;
    case "float16":
      return fromHalf(tensor.data);
    case "int64":
      return Float32Array.from(tensor.data, Number);
    default:
      return Float32Array.from(tensor.data);
  }
}

/** Half-precision bit patterns of the nearest halves, ties to even. */
export function toHalf(values: ArrayLike<number> & Iterable<number>): Uint16Array {
  return new Uint16Array(Float16Array.from(values).buffer);
}

/** The numbers that half-precision bit patterns stand for. */
export function fromHalf(bits: Uint16Array): Float32Array {
  return Float32Array.from(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
}

/** Rows of equal shape stacked along the first axis. One row is returned as it is. */
export function stack(rows: readonly Tensor<"float32">[]): Tensor<"float32"> {
  const [first] = rows;
  if (first === undefined) throw new RangeError("there is nothing to stack");
  if (rows.length === 1) return first;
  const data = new Float32Array(first.data.length * rows.length);
  rows.forEach((row, index) => {
    if (row.data.length !== first.data.length) throw new RangeError("rows differ in size");
    data.set(row.data, index * first.data.length);
  });
  const [batch = 1, ...rest] = first.dims;
  return floats(data, [batch * rows.length, ...rest]);
}

function wholeBigInt(value: number): bigint {
  return BigInt(Math.trunc(value));
}
