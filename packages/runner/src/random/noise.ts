import { mersenneTwister } from "./mersenne-twister.ts";
import { boxMuller, philox } from "./philox.ts";

/**
 * Whose random numbers a seed stands for.
 *
 * `cuda` is what the network's pictures are made with, so a seed shown beside a picture means the same here; `cpu` is what
 * the reference draws when it runs without a GPU.
 */
export type SeedMode = "cuda" | "cpu";

export const defaultSeedMode: SeedMode = "cuda";

/** A seeded source of standard normal noise. Each call is one draw: order and sizes of the draws are part of a picture. */
export type Noise = (count: number) => Float32Array<ArrayBuffer>;

/** The noise of one seed, 0 to 2⁶⁴ − 1. */
export function noiseOf(seed: number | bigint, mode: SeedMode = defaultSeedMode): Noise {
  return noiseByMode[mode](BigInt.asUintN(64, BigInt(seed)));
}

const noiseByMode = { cuda: (seed) => cudaNoise(seed), cpu: cpuNoise } as const satisfies Record<
  SeedMode,
  (seed: bigint) => Noise
>;

/** Threads that a GPU of 108 multiprocessors runs at once; see `cudaNoise`. */
const GPU_THREADS = 221_184;

/** Numbers a thread draws from one Philox block. */
const LANES = 4;

/**
 * Normal numbers as the reference's framework draws them on a GPU: each thread has its own Philox subsequence.
 *
 * Up to `threads` elements every element has a thread of its own, and the numbers are the same on every GPU. Larger tensors
 * depend on how many threads the GPU has; those of `threads` are drawn. Source: runner-and-models 7.7.
 */
export function cudaNoise(seed: bigint, threads: number = GPU_THREADS): Noise {
  const keyLow = Number(seed & 0xffff_ffffn);
  const keyHigh = Number(seed >> 32n);
  let counter = 0;
  const block = new Uint32Array(LANES);
  return (count) => {
    const values = new Float32Array(count);
    const rounds = Math.max(1, Math.ceil(count / (threads * LANES)));
    for (let round = 0; round < rounds; round++, counter++) {
      const from = round * threads * LANES;
      const to = Math.min(count, from + threads);
      for (let first = from; first < to; first++) {
        block[0] = counter;
        block[1] = 0;
        block[2] = first - from;
        block[3] = 0;
        philox(block, keyLow, keyHigh);
        for (let lane = 0, at = first; lane < LANES && at < count; lane++, at += threads)
          values[at] = boxMuller(block[lane & 2] ?? 0, block[lane | 1] ?? 0, lane % 2 === 0);
      }
    }
    return values;
  };
}

/** Below this many elements the reference draws one number at a time, in double precision. */
const VECTOR_BLOCK = 16;

/** Normal numbers as the reference's framework draws them on a CPU. Source: runner-and-models 7.7. */
function cpuNoise(seed: bigint): Noise {
  const word = mersenneTwister(Number(seed & 0xffff_ffffn));
  let spare: number | undefined;
  const single = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const angle = 2 * Math.PI * uniform53(word);
    const radius = Math.sqrt(-2 * Math.log1p(-uniform53(word)));
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  return (count) => {
    if (count < VECTOR_BLOCK) return Float32Array.from({ length: count }, single);
    const values = Float32Array.from({ length: count }, () => uniform24(word));
    for (let start = 0; start + VECTOR_BLOCK <= count; start += VECTOR_BLOCK) transformBlock(values, start);
    if (count % VECTOR_BLOCK !== 0) {
      const start = count - VECTOR_BLOCK;
      for (let i = start; i < count; i++) values[i] = uniform24(word);
      transformBlock(values, start);
    }
    return values;
  };
}

function uniform24(word: () => number): number {
  return (word() & 0xff_ffff) * 2 ** -24;
}

function uniform53(word: () => number): number {
  const high = word() & 0x1f_ffff;
  return (high * 2 ** 32 + word()) * 2 ** -53;
}

/** Turns sixteen uniform numbers into sixteen normal ones, in place, eight pairs eight apart. */
function transformBlock(values: Float32Array, start: number): void {
  const half = VECTOR_BLOCK / 2;
  for (let i = start; i < start + half; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - (values[i] ?? 0)));
    const angle = 2 * Math.PI * (values[i + half] ?? 0);
    values[i] = radius * Math.cos(angle);
    values[i + half] = radius * Math.sin(angle);
  }
}
