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
  const smooth = new Float32Array(frames);
  for (const looks of heads)
    for (const [token, row] of standardised(looks, frames).entries()) {
      median(row, smooth, width);
      const sums = cost[token] ?? smooth;
      for (let frame = 0; frame < frames; frame++)
        sums[frame] = (sums[frame] ?? 0) - (smooth[frame] ?? 0) / heads.length;
    }
  return cheapestWay(cost, frames);
}

/** Each frame's numbers over the tokens, brought to mean 0 and deviation 1; a frame that is the same to all tells nothing. */
function standardised(looks: Looks, frames: number): readonly Float32Array[] {
  const rows = looks.map((row) => row.slice(0, frames));
  const [means, squares] = [new Float64Array(frames), new Float64Array(frames)];
  for (const row of rows)
    for (let at = 0; at < frames; at++) means[at] = (means[at] ?? 0) + (row[at] ?? 0) / rows.length;
  for (const row of rows)
    for (let at = 0; at < frames; at++) squares[at] = (squares[at] ?? 0) + ((row[at] ?? 0) - (means[at] ?? 0)) ** 2;
  const deviations = squares.map((square) => Math.sqrt(square / rows.length));
  for (const row of rows)
    for (let at = 0; at < frames; at++) {
      const deviation = deviations[at] ?? 0;
      row[at] = deviation === 0 ? 0 : ((row[at] ?? 0) - (means[at] ?? 0)) / deviation;
    }
  return rows;
}

/** Writes the median of each number and its neighbours; beyond the edges the numbers come back as in a mirror. */
function median(row: Float32Array, to: Float32Array, width: number): void {
  const reach = width >> 1;
  if (row.length <= reach) {
    to.set(row);
    return;
  }
  const last = row.length - 1;
  const near = new Float32Array(width);
  for (let at = 0; at <= last; at++) {
    for (let k = 0; k < width; k++) {
      const place = Math.abs(at + k - reach);
      const value = row[place > last ? 2 * last - place : place] ?? 0;
      let into = k;
      for (; into > 0 && (near[into - 1] ?? 0) > value; into--) near[into] = near[into - 1] ?? 0;
      near[into] = value;
    }
    to[at] = near[reach] ?? 0;
  }
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
    const row = cost[i - 1] ?? new Float64Array(frames);
    for (let j = 1; j <= frames; j++) {
      const both = above[j - 1] ?? 0;
      const token = above[j] ?? 0;
      const frame = here[j - 1] ?? 0;
      const step = both < token && both < frame ? DIAGONAL : token < both && token < frame ? NEXT_TOKEN : NEXT_FRAME;
      here[j] = (row[j - 1] ?? 0) + (step === DIAGONAL ? both : step === NEXT_TOKEN ? token : frame);
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
