import { ms } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { Hardware, parseGpus } from "./hardware.ts";

const TWO = `0, GPU-1111, NVIDIA GeForce RTX 4090, 24564, 23000, 8.9, 12, 3
1, GPU-2222, NVIDIA H200, 143771, 143000, 9.0, [N/A], 0
`;

test("what nvidia-smi prints becomes GPUs by index, in bytes", () => {
  expect(parseGpus(TWO)).toEqual({
    "0": {
      id: "GPU-1111",
      name: "NVIDIA GeForce RTX 4090",
      memory_total: 24564 * 1_048_576,
      memory_free: 23000 * 1_048_576,
      major: 8,
      minor: 9,
      utilization_compute: 12,
      utilization_memory: 3,
    },
    "1": expect.objectContaining({ id: "GPU-2222", major: 9, minor: 0, utilization_compute: 0 }),
  });
});

test.each(["", "No devices were found\n", "a, b, c\n", "0, GPU, name, 1, 1, 8.9, 1, 1, one too many\n"])(
  "%j has no GPUs in it",
  (text) => {
    expect(parseGpus(text)).toEqual({});
  },
);

test("the driver is asked at most once a second", async () => {
  const clock = new TestClock();
  let asked = 0;
  const hardware = new Hardware({
    clock,
    query: async () => {
      asked++;
      return TWO;
    },
  });
  await Promise.all([hardware.gpus(), hardware.gpus()]);
  await clock.advance(ms(999));
  await hardware.gpus();
  expect(asked).toBe(1);
  await clock.advance(ms(1));
  await hardware.gpus();
  expect(asked).toBe(2);
});
