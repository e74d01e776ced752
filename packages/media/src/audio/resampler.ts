/** Zero crossings of the filter on each side. With the window below, what is cut off lies 80 dB under what is kept. */
const CROSSINGS = 24;
/** Of the Kaiser window. */
const SHARPNESS = 8;
/** The share of the lower of the two bands that passes unchanged. */
const PASS = 0.94;
/** Rates with a larger ratio are rounded to this many places between two samples, 60 dB below the sound. */
const MAX_PHASES = 1024;
/** Pairs of rates whose filters are kept: people send few, and one takes as long to make as seconds of sound to filter. */
const MAX_KEPT = 8;

/**
 * Changes the rate of samples that come piece by piece, by a filter that lets through what both rates can hold.
 *
 * Output `n` is the sound at the time `n / to`; there are as many as fit in the input's length.
 */
export class Resampler {
  readonly #up: number;
  readonly #down: number;
  readonly #half: number;
  readonly #phases: number;
  readonly #filters: Filters;
  readonly #bandwidth: number;
  /** What was pushed and is still needed. */
  #held: Float32Array;
  /** Where in the input `#held` begins; silence lies before the input. */
  #begin: number;
  #pushed = 0;
  #made = 0;

  constructor(from: number, to: number) {
    const common = divisor(from, to);
    this.#up = to / common;
    this.#down = from / common;
    this.#bandwidth = Math.min(1, to / from) * PASS;
    this.#half = from === to ? 0 : Math.ceil(CROSSINGS / this.#bandwidth);
    this.#phases = Math.min(this.#up, MAX_PHASES);
    this.#filters = filtersOf(this.#up, this.#down, this.#phases);
    this.#held = new Float32Array(this.#half);
    this.#begin = -this.#half;
  }

  push(block: Float32Array): Float32Array {
    if (this.#half === 0) return block;
    this.#hold(block);
    return this.#make(this.#begin + this.#held.length - this.#half);
  }

  /** The last of the output; of all, where nothing follows what was pushed with it. */
  end(block: Float32Array = new Float32Array()): Float32Array {
    if (this.#half === 0) return block;
    this.#hold(block, this.#half + 1);
    return this.#make(this.#pushed);
  }

  /** Keeps a block, and so many samples of silence after it. */
  #hold(block: Float32Array, silence = 0): void {
    const kept = Math.max(0, Math.floor((this.#made * this.#down) / this.#up) - this.#half + 1 - this.#begin);
    const rest = this.#held.subarray(Math.min(kept, this.#held.length));
    this.#begin += this.#held.length - rest.length;
    const held = new Float32Array(rest.length + block.length + silence);
    held.set(rest);
    held.set(block, rest.length);
    this.#held = held;
    this.#pushed += block.length;
  }

  /** The outputs whose time lies before input `end`. */
  #make(end: number): Float32Array {
    const count = Math.max(0, Math.ceil((end * this.#up) / this.#down) - this.#made);
    const out = new Float32Array(count);
    const held = this.#held;
    for (let i = 0; i < count; i++) {
      const time = (this.#made + i) * this.#down;
      const whole = Math.floor(time / this.#up);
      const filter = this.#filter(Math.round(((time - whole * this.#up) / this.#up) * this.#phases));
      const from = whole - this.#half + 1 - this.#begin;
      // Two sums, because neither waits for the other.
      let even = 0;
      let odd = 0;
      for (let k = 0; k < filter.length; k += 2) {
        even += (filter[k] ?? 0) * (held[from + k] ?? 0);
        odd += (filter[k + 1] ?? 0) * (held[from + k + 1] ?? 0);
      }
      out[i] = even + odd;
    }
    this.#made += count;
    return out;
  }

  /** The weights of the samples around a time that lies `phase` of `#phases` after one of them. */
  #filter(phase: number): Float32Array {
    const known = this.#filters[phase];
    if (known !== undefined) return known;
    const filter = new Float32Array(2 * this.#half);
    for (let k = 0; k < filter.length; k++) {
      const distance = k - this.#half + 1 - phase / this.#phases;
      const edge = Math.min(1, Math.abs(distance) / this.#half);
      filter[k] = this.#bandwidth * sinc(this.#bandwidth * distance) * kaiser(edge);
    }
    const sum = filter.reduce((total, weight) => total + weight, 0);
    this.#filters[phase] = filter.map((weight) => weight / sum);
    return this.#filters[phase] ?? filter;
  }
}

type Filters = (Float32Array | undefined)[];

/** By the ratio of the rates, in the order in which they were last wanted; each filled as it is needed. */
const kept = new Map<string, Filters>();

function filtersOf(up: number, down: number, phases: number): Filters {
  const ratio = `${up}/${down}`;
  const filters = kept.get(ratio) ?? new Array<undefined>(phases + 1).fill(undefined);
  kept.delete(ratio);
  kept.set(ratio, filters);
  const [oldest = ratio] = kept.keys();
  if (kept.size > MAX_KEPT) kept.delete(oldest);
  return filters;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(edge: number): number {
  return bessel(SHARPNESS * Math.sqrt(1 - edge * edge)) / MIDDLE;
}

/** The modified Bessel function of the first kind and order zero. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const MIDDLE = bessel(SHARPNESS);

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
