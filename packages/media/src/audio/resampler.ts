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
  /** None between equal rates. */
  readonly #filters: Filters | undefined;
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
    this.#filters = from === to ? undefined : filtersOf(this.#up, this.#down);
    const before = this.#filters?.half ?? 0;
    this.#held = new Float32Array(before);
    this.#begin = -before;
  }

  push(block: Float32Array): Float32Array {
    if (this.#filters === undefined) return block;
    this.#hold(block, this.#filters);
    return this.#make(this.#begin + this.#held.length - this.#filters.half, this.#filters);
  }

  /** The last of the output; of all, where nothing follows what was pushed with it. */
  end(block: Float32Array = new Float32Array()): Float32Array {
    if (this.#filters === undefined) return block;
    this.#hold(block, this.#filters, this.#filters.half + 1);
    return this.#make(this.#pushed, this.#filters);
  }

  /** Keeps a block, and so many samples of silence after it. */
  #hold(block: Float32Array, { half }: Filters, silence = 0): void {
    const kept = Math.max(0, Math.floor((this.#made * this.#down) / this.#up) - half + 1 - this.#begin);
    const rest = this.#held.subarray(Math.min(kept, this.#held.length));
    this.#begin += this.#held.length - rest.length;
    const held = new Float32Array(rest.length + block.length + silence);
    held.set(rest);
    held.set(block, rest.length);
    this.#held = held;
    this.#pushed += block.length;
  }

  /** The outputs whose time lies before input `end`. */
  #make(end: number, filters: Filters): Float32Array {
    const out = new Float32Array(Math.max(0, Math.ceil((end * this.#up) / this.#down) - this.#made));
    const held = this.#held;
    const up = this.#up;
    // The time of an output is `whole + part / up` inputs, and an output further on so many more.
    let whole = Math.floor((this.#made * this.#down) / up);
    let part = this.#made * this.#down - whole * up;
    const wholeStep = Math.floor(this.#down / up);
    const partStep = this.#down % up;
    for (let i = 0; i < out.length; i++) {
      const filter = filters.at(part);
      const from = whole - filters.half + 1 - this.#begin;
      // Two sums, because neither waits for the other.
      let even = 0;
      let odd = 0;
      for (let k = 0; k < filter.length; k += 2) {
        even += (filter[k] ?? 0) * (held[from + k] ?? 0);
        odd += (filter[k + 1] ?? 0) * (held[from + k + 1] ?? 0);
      }
      out[i] = even + odd;
      whole += wholeStep;
      part += partStep;
      if (part < up) continue;
      part -= up;
      whole += 1;
    }
    this.#made += out.length;
    return out;
  }
}

/** What samples weigh around a time between two of them, each worked out when it is first wanted. */
class Filters {
  /** Samples on each side of the time. */
  readonly half: number;
  readonly #up: number;
  readonly #phases: number;
  readonly #bandwidth: number;
  readonly #byPhase: (Float32Array | undefined)[];

  constructor(up: number, down: number) {
    this.#up = up;
    this.#phases = Math.min(up, MAX_PHASES);
    this.#bandwidth = Math.min(1, up / down) * PASS;
    this.half = Math.ceil(CROSSINGS / this.#bandwidth);
    this.#byPhase = new Array<undefined>(this.#phases + 1).fill(undefined);
  }

  /** For a time that lies `part` of `up` after a sample. */
  at(part: number): Float32Array {
    const phase = this.#phases === this.#up ? part : Math.round((part / this.#up) * this.#phases);
    return this.#byPhase[phase] ?? this.#make(phase);
  }

  #make(phase: number): Float32Array {
    const weights = Float32Array.from({ length: 2 * this.half }, (_, k) => {
      const distance = k - this.half + 1 - phase / this.#phases;
      const edge = Math.min(1, Math.abs(distance) / this.half);
      return this.#bandwidth * sinc(this.#bandwidth * distance) * kaiser(edge);
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const filter = weights.map((weight) => weight / sum);
    this.#byPhase[phase] = filter;
    return filter;
  }
}

/** By the ratio of the rates, in the order in which they were last wanted. */
const kept = new Map<string, Filters>();

function filtersOf(up: number, down: number): Filters {
  const ratio = `${up}/${down}`;
  const filters = kept.get(ratio) ?? new Filters(up, down);
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
