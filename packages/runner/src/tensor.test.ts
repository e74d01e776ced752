import { expect, test } from "vitest";
import { cropped, floats, floatsOf, fromHalf, gathered, partOf, stack, tensorOf, toHalf } from "./tensor.ts";

test("halves are the nearest ones, ties to even, and come back as they are", () => {
  expect([...toHalf([0, 1, -2, 65504, 1e6, 2 ** -24, 0.1])]).toEqual([
    0, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0x0001, 0x2e66,
  ]);
  expect([...toHalf([1 + 2 ** -11, 1 + 3 * 2 ** -11])]).toEqual([0x3c00, 0x3c02]);
  const bits = Uint16Array.from({ length: 0x7c00 }, (_, i) => i);
  expect(toHalf(fromHalf(bits))).toEqual(bits);
  expect(Number.isNaN(fromHalf(Uint16Array.of(0x7e00))[0])).toBe(true);
});

test("halves that begin in the middle of a buffer are read from there", () => {
  expect([...fromHalf(Uint16Array.of(0, 0x3c00, 0x4000).subarray(1))]).toEqual([1, 2]);
});

test("numbers become the type a file asks for, and floats again", () => {
  for (const type of ["float32", "float16", "float64", "int64", "int32"] as const) {
    const tensor = tensorOf(type, [1, 2, -3], [3]);
    expect(tensor.type).toBe(type);
    expect([...floatsOf(tensor)]).toEqual([1, 2, -3]);
  }
  expect([...floatsOf(tensorOf("int64", [951.7], []))]).toEqual([951]);
  expect([...floatsOf(tensorOf("bool", [1, 0], [2]))]).toEqual([1, 0]);
});

test("floats are shared, not copied", () => {
  const data = Float32Array.of(1, 2);
  expect(tensorOf("float32", data, [2]).data).toBe(data);
  expect(floatsOf(floats(data, [1, 2]))).toBe(data);
  expect(stack([floats(data, [1, 2])]).data).toBe(data);
});

test("rows are stacked along the first axis", () => {
  const stacked = stack([floats(Float32Array.of(1, 2), [1, 2]), floats(Float32Array.of(3, 4), [1, 2])]);
  expect([stacked.dims, [...stacked.data]]).toEqual([
    [2, 2],
    [1, 2, 3, 4],
  ]);
});

test("cropped rows are the first of each block, whatever type they have", () => {
  const rows = Array.from({ length: 2 * 3 * 2 }, (_, i) => i);
  for (const type of ["float32", "float16", "int64"] as const) {
    const tensor = tensorOf(type, rows, [1, 2, 3, 2]);
    expect(cropped(tensor, 2).dims).toEqual([1, 2, 2, 2]);
    expect([...floatsOf(cropped(tensor, 2))]).toEqual([0, 1, 2, 3, 6, 7, 8, 9]);
    expect(cropped(tensor, 0).data.length).toBe(0);
    expect(cropped(tensor, 3)).toBe(tensor);
  }
});

test("rows of several tensors are gathered in any order", () => {
  for (const type of ["float32", "float16", "int64"] as const) {
    const [one, two] = [tensorOf(type, [1, 2, 3, 4], [2, 2]), tensorOf(type, [5, 6], [1, 2])];
    const rows = gathered([
      [two, 0],
      [one, 1],
      [one, 1],
    ]);
    expect([rows.type, rows.dims, [...floatsOf(rows)]]).toEqual([type, [3, 2], [5, 6, 3, 4, 3, 4]]);
  }
  expect(() => gathered([])).toThrow(RangeError);
});

test("parts are shared, and no more than there are", () => {
  const tensor = tensorOf("int32", [1, 2, 3], [3]);
  const two = partOf(tensor, [1, 2]);
  tensor.data[0] = 9;
  expect([...floatsOf(two)]).toEqual([9, 2]);
  expect([...floatsOf(partOf(tensor, [1], 2))]).toEqual([3]);
  expect(() => partOf(tensor, [2, 2])).toThrow(RangeError);
  expect(() => partOf(tensor, [2], 2)).toThrow(RangeError);
});

test("a shape that its numbers do not fill is refused", () => {
  expect(() => floats(Float32Array.of(1, 2, 3), [2, 2])).toThrow(RangeError);
  expect(() => tensorOf("int64", [1], [2])).toThrow(RangeError);
  expect(() => stack([])).toThrow(RangeError);
  expect(() => stack([floats(Float32Array.of(1), [1]), floats(Float32Array.of(1, 2), [2])])).toThrow(RangeError);
});
