import { philox } from "./philox.ts";

const TWO_POW_32 = 2 ** 32;
const TWO_POW_MINUS_53 = 2 ** -53;

/** Numbers in [0, 1) that a seed alone decides, each with all 53 bits a number has. */
export function uniformOf(seed: number): () => number {
  const block = new Uint32Array(4);
  let drawn = 0;
  return () => {
    block.set([drawn, Math.floor(drawn / TWO_POW_32), 0, 0]);
    drawn += 1;
    philox(block, seed, Math.floor(seed / TWO_POW_32));
    const [high = 0, low = 0] = block;
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) * TWO_POW_MINUS_53;
  };
}
