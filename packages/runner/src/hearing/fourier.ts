/** One step of a transform: `groups` times the small transforms of `radix` numbers that lie `groups · stride` apart. */
interface Stage {
  readonly radix: 4 | 5;
  readonly groups: number;
  readonly stride: number;
  /** For each group the turns of its second number and those after it: cosine and sine. */
  readonly turns: Float64Array;
}

/**
 * Fourier transforms of complex numbers, of one length whose only factors are fours and fives, planned once: Stockham's
 * way, in which every stage also sorts. Not to be used by two at once.
 */
export class Fourier {
  readonly #stages: readonly Stage[];
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;

  /** Throws `RangeError` for another length. */
  constructor(length: number) {
    this.#stages = stagesOf(length);
    this.#real = new Float64Array(length);
    this.#imaginary = new Float64Array(length);
  }

  /** Transforms the numbers in place; the sign of the exponent is negative, and nothing is scaled. */
  transform(real: Float64Array, imaginary: Float64Array): void {
    let [re, im, toRe, toIm] = [real, imaginary, this.#real, this.#imaginary];
    for (const stage of this.#stages) {
      (stage.radix === 4 ? fours : fives)(stage, re, im, toRe, toIm);
      [re, im, toRe, toIm] = [toRe, toIm, re, im];
    }
    if (re === real) return;
    real.set(re);
    imaginary.set(im);
  }
}

function stagesOf(length: number): readonly Stage[] {
  const stages: Stage[] = [];
  let [rest, stride] = [length, 1];
  while (rest !== 1) {
    const radix = rest % 4 === 0 ? 4 : 5;
    const groups = rest / radix;
    if (groups < 1 || !Number.isInteger(groups)) throw new RangeError(`no product of fours and fives: ${length}`);
    const turns: number[] = [];
    for (let group = 0; group < groups; group++)
      for (let power = 1; power < radix; power++) {
        const angle = (-2 * Math.PI * group * power) / rest;
        turns.push(Math.cos(angle), Math.sin(angle));
      }
    stages.push({ radix, groups, stride, turns: Float64Array.from(turns) });
    rest = groups;
    stride *= radix;
  }
  return stages;
}

type Pass = (stage: Stage, re: Float64Array, im: Float64Array, toRe: Float64Array, toIm: Float64Array) => void;

// One variable a line in what follows: taking lists apart makes these loops ten times as slow.

const fours: Pass = ({ groups, stride, turns }, re, im, toRe, toIm) => {
  const step = groups * stride;
  for (let group = 0; group < groups; group++) {
    const turn = group * 6;
    const cos1 = turns[turn] ?? 0;
    const sin1 = turns[turn + 1] ?? 0;
    const cos2 = turns[turn + 2] ?? 0;
    const sin2 = turns[turn + 3] ?? 0;
    const cos3 = turns[turn + 4] ?? 0;
    const sin3 = turns[turn + 5] ?? 0;
    for (let i = 0; i < stride; i++) {
      const from = group * stride + i;
      const re0 = re[from] ?? 0;
      const im0 = im[from] ?? 0;
      const re1 = re[from + step] ?? 0;
      const im1 = im[from + step] ?? 0;
      const re2 = re[from + 2 * step] ?? 0;
      const im2 = im[from + 2 * step] ?? 0;
      const re3 = re[from + 3 * step] ?? 0;
      const im3 = im[from + 3 * step] ?? 0;
      const a = re0 - re2 + (im1 - im3);
      const b = im0 - im2 - (re1 - re3);
      const c = re0 + re2 - (re1 + re3);
      const d = im0 + im2 - (im1 + im3);
      const e = re0 - re2 - (im1 - im3);
      const f = im0 - im2 + (re1 - re3);
      const to = group * stride * 4 + i;
      toRe[to] = re0 + re2 + (re1 + re3);
      toIm[to] = im0 + im2 + (im1 + im3);
      toRe[to + stride] = a * cos1 - b * sin1;
      toIm[to + stride] = a * sin1 + b * cos1;
      toRe[to + 2 * stride] = c * cos2 - d * sin2;
      toIm[to + 2 * stride] = c * sin2 + d * cos2;
      toRe[to + 3 * stride] = e * cos3 - f * sin3;
      toIm[to + 3 * stride] = e * sin3 + f * cos3;
    }
  }
};

/** Of a fifth of a turn, and of two. */
const COS1 = Math.cos((2 * Math.PI) / 5);
const SIN1 = Math.sin((2 * Math.PI) / 5);
const COS2 = Math.cos((4 * Math.PI) / 5);
const SIN2 = Math.sin((4 * Math.PI) / 5);

const fives: Pass = ({ groups, stride, turns }, re, im, toRe, toIm) => {
  const step = groups * stride;
  for (let group = 0; group < groups; group++) {
    const turn = group * 8;
    const cos1 = turns[turn] ?? 0;
    const sin1 = turns[turn + 1] ?? 0;
    const cos2 = turns[turn + 2] ?? 0;
    const sin2 = turns[turn + 3] ?? 0;
    const cos3 = turns[turn + 4] ?? 0;
    const sin3 = turns[turn + 5] ?? 0;
    const cos4 = turns[turn + 6] ?? 0;
    const sin4 = turns[turn + 7] ?? 0;
    for (let i = 0; i < stride; i++) {
      const from = group * stride + i;
      const re0 = re[from] ?? 0;
      const im0 = im[from] ?? 0;
      const re1 = re[from + step] ?? 0;
      const im1 = im[from + step] ?? 0;
      const re2 = re[from + 2 * step] ?? 0;
      const im2 = im[from + 2 * step] ?? 0;
      const re3 = re[from + 3 * step] ?? 0;
      const im3 = im[from + 3 * step] ?? 0;
      const re4 = re[from + 4 * step] ?? 0;
      const im4 = im[from + 4 * step] ?? 0;
      const re14 = re0 + COS1 * (re1 + re4) + COS2 * (re2 + re3);
      const im14 = im0 + COS1 * (im1 + im4) + COS2 * (im2 + im3);
      const re23 = re0 + COS2 * (re1 + re4) + COS1 * (re2 + re3);
      const im23 = im0 + COS2 * (im1 + im4) + COS1 * (im2 + im3);
      const asideRe14 = SIN1 * (im1 - im4) + SIN2 * (im2 - im3);
      const asideIm14 = SIN1 * (re4 - re1) + SIN2 * (re3 - re2);
      const asideRe23 = SIN2 * (im1 - im4) - SIN1 * (im2 - im3);
      const asideIm23 = SIN2 * (re4 - re1) - SIN1 * (re3 - re2);
      const to = group * stride * 5 + i;
      toRe[to] = re0 + (re1 + re4) + (re2 + re3);
      toIm[to] = im0 + (im1 + im4) + (im2 + im3);
      toRe[to + stride] = (re14 + asideRe14) * cos1 - (im14 + asideIm14) * sin1;
      toIm[to + stride] = (re14 + asideRe14) * sin1 + (im14 + asideIm14) * cos1;
      toRe[to + 2 * stride] = (re23 + asideRe23) * cos2 - (im23 + asideIm23) * sin2;
      toIm[to + 2 * stride] = (re23 + asideRe23) * sin2 + (im23 + asideIm23) * cos2;
      toRe[to + 3 * stride] = (re23 - asideRe23) * cos3 - (im23 - asideIm23) * sin3;
      toIm[to + 3 * stride] = (re23 - asideRe23) * sin3 + (im23 - asideIm23) * cos3;
      toRe[to + 4 * stride] = (re14 - asideRe14) * cos4 - (im14 - asideIm14) * sin4;
      toIm[to + 4 * stride] = (re14 - asideRe14) * sin4 + (im14 - asideIm14) * cos4;
    }
  }
};
