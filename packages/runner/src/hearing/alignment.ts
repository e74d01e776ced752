/** Where one attention head looked: a row for each token, a number for each frame of the sound. */
export type Looks = readonly Float32Array[];

/**
 * The frame at which each token begins to sound. Each head's looks are measured against the same frame's over all tokens,
 * smoothed by a median of `width` frames, and averaged; then tokens and frames are walked through together along the way
 * of the most attention. Source: runner-and-models 7.11.
 *
 * `frames`: how many of them hold sound, the rest being what the window was filled up with.
 */
export function framesOfTokens(heads: readonly Looks[], frames: number, width: number): readonly number[] {
  const tokens = heads[0]?.length ?? 0;
  if (tokens === 0 || frames === 0) return new Array<number>(tokens).fill(0);
  const cost = Array.from({ length: tokens }, () => new Float64Array(frames));
  for (const looks of heads)
    for (const [token, row] of standardised(looks, frames).entries()) {
      const smooth = medians(row, width);
      cost[token]?.forEach((_, frame, sums) => {
        sums[frame] = (sums[frame] ?? 0) - (smooth[frame] ?? 0) / heads.length;
      });
    }
  return cheapestWay(cost, frames);
}

/** Each frame's numbers over the tokens, brought to mean 0 and deviation 1; a frame that is the same to all tells nothing. */
function standardised(looks: Looks, frames: number): readonly Float32Array[] {
  const rows = looks.map((row) => row.slice(0, frames));
  for (let frame = 0; frame < frames; frame++) {
    const values = rows.map((row) => row[frame] ?? 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    rows.forEach((row, token) => {
      row[frame] = deviation === 0 ? 0 : ((values[token] ?? 0) - mean) / deviation;
    });
  }
  return rows;
}

/** The median of each number and its neighbours; beyond the edges the numbers come back as in a mirror. */
function medians(row: Float32Array, width: number): Float32Array {
  const reach = width >> 1;
  if (row.length <= reach) return row;
  const last = row.length - 1;
  return row.map((_, at) => {
    const near = Float32Array.from({ length: width }, (_unused, k) => {
      const index = Math.abs(at + k - reach);
      return row[index > last ? 2 * last - index : index] ?? 0;
    });
    return near.sort()[reach] ?? 0;
  });
}

const DIAGONAL = 0;
const NEXT_TOKEN = 1;
const NEXT_FRAME = 2;

/** Dynamic time warping from the first token at the first frame to the last at the last: where each token is reached. */
function cheapestWay(cost: readonly Float64Array[], frames: number): readonly number[] {
  const tokens = cost.length;
  const width = frames + 1;
  const steps = new Uint8Array((tokens + 1) * width);
  let above = new Float32Array(width).fill(Number.POSITIVE_INFINITY);
  above[0] = 0;
  for (let i = 1; i <= tokens; i++) {
    const here = new Float32Array(width).fill(Number.POSITIVE_INFINITY);
    for (let j = 1; j <= frames; j++) {
      const [both, token, frame] = [above[j - 1] ?? 0, above[j] ?? 0, here[j - 1] ?? 0];
      const step = both < token && both < frame ? DIAGONAL : token < both && token < frame ? NEXT_TOKEN : NEXT_FRAME;
      here[j] = (cost[i - 1]?.[j - 1] ?? 0) + ([both, token, frame][step] ?? 0);
      steps[i * width + j] = step;
    }
    above = here;
  }
  const reached = new Array<number>(tokens).fill(0);
  let [i, j] = [tokens, frames];
  while (i > 0) {
    reached[i - 1] = Math.max(0, j - 1);
    const step = j === 0 ? NEXT_TOKEN : steps[i * width + j];
    if (step !== NEXT_TOKEN) j--;
    if (step !== NEXT_FRAME) i--;
  }
  return reached;
}
