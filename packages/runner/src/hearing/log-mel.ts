import { Fourier } from "./fourier.ts";

/** How a spectrogram is made. Source: runner-and-models 7.11. */
export interface LogMelSettings {
  /** Samples a second, and seconds of what is heard at once. */
  readonly rate: number;
  readonly seconds: number;
  /** Samples a frame is made of, and samples from one to the next. */
  readonly width: number;
  readonly hop: number;
  readonly bands: number;
}

/** What nothing at all is worth, as a logarithm, and how far below the loudest moment everything else counts as quiet. */
const FLOOR = -10;
const REACH = 8;

/**
 * Spectrograms as Whisper hears them: the power of short pieces of sound, in bands that lie as the ear's do, as logarithms.
 * Two pieces go through one transform, and what follows the sound is not computed: it is silence.
 */
export class LogMel {
  readonly #settings: LogMelSettings;
  readonly #fourier: Fourier;
  readonly #window: Float64Array;
  readonly #bands: readonly Band[];
  /** Frames of the whole, whatever part of it has sound. */
  readonly frames: number;

  /** Throws `RangeError` for a width that is no product of fours and fives. */
  constructor(settings: LogMelSettings) {
    const { rate, seconds, width, hop } = settings;
    this.#settings = settings;
    this.#fourier = new Fourier(width);
    this.#window = Float64Array.from({ length: width }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / width));
    this.#bands = bandsOf(settings);
    this.frames = Math.floor((rate * seconds) / hop);
  }

  /** Band by band, `frames` numbers each. Of sound that is longer than a spectrogram, the beginning. */
  of(samples: Float32Array): Float32Array {
    const { width, hop } = this.#settings;
    // A frame reaches half its width back; later ones hear nothing.
    const heard = Math.min(this.frames, Math.ceil((samples.length + width / 2) / hop));
    const sound = this.#mirrored(samples, (heard + 1) * hop + width);
    const mel = new Float32Array(this.#bands.length * this.frames);
    const [real, imaginary] = [new Float64Array(width), new Float64Array(width)];
    const [power, nextPower] = [new Float64Array(width / 2 + 1), new Float64Array(width / 2 + 1)];
    let most = FLOOR;
    for (let frame = 0; frame < heard; frame += 2) {
      this.#cut(sound, frame * hop, real);
      this.#cut(sound, (frame + 1) * hop, imaginary);
      this.#fourier.transform(real, imaginary);
      powersOf(real, imaginary, power, nextPower);
      most = Math.max(most, this.#write(power, mel, frame));
      if (frame + 1 < heard) most = Math.max(most, this.#write(nextPower, mel, frame + 1));
    }
    const least = most - REACH;
    for (let band = 0; band < this.#bands.length; band++) {
      const [from, to] = [band * this.frames, (band + 1) * this.frames];
      for (let at = from; at < from + heard; at++) mel[at] = (Math.max(mel[at] ?? 0, least) + 4) / 4;
      mel.fill((Math.max(FLOOR, least) + 4) / 4, from + heard, to);
    }
    return mel;
  }

  /**
   * The beginning of the sound and the silence after it, with half a frame of their mirror image on each side. What lies
   * beyond `size` is dropped, as typed arrays do.
   */
  #mirrored(samples: Float32Array, size: number): Float32Array {
    const { rate, seconds, width } = this.#settings;
    const [length, edge] = [rate * seconds, width / 2];
    const sound = new Float32Array(size);
    sound.set(samples.subarray(0, length), edge);
    for (let i = 1; i <= edge; i++) {
      sound[edge - i] = sound[edge + i] ?? 0;
      sound[edge + length - 1 + i] = sound[edge + length - 1 - i] ?? 0;
    }
    return sound;
  }

  #cut(sound: Float32Array, from: number, piece: Float64Array): void {
    const window = this.#window;
    for (let i = 0; i < window.length; i++) piece[i] = (window[i] ?? 0) * (sound[from + i] ?? 0);
  }

  /** Writes down a frame as logarithms and says what the largest is. */
  #write(power: Float64Array, mel: Float32Array, frame: number): number {
    let most = FLOOR;
    for (let band = 0, at = frame; band < this.#bands.length; band++, at += this.frames) {
      const value = Math.max(FLOOR, Math.log10(heardBy(this.#bands[band], power)));
      mel[at] = value;
      if (value > most) most = value;
    }
    return most;
  }
}

/** How much a band takes of the frequencies from `first` on; of all others it takes nothing. */
interface Band {
  readonly first: number;
  readonly weights: Float64Array;
}

function heardBy(band: Band | undefined, power: Float64Array): number {
  if (band === undefined) return 0;
  const { first, weights } = band;
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += (weights[i] ?? 0) * (power[first + i] ?? 0);
  return sum;
}

/** The power at each frequency of two real pieces that were transformed as one complex one. */
function powersOf(real: Float64Array, imaginary: Float64Array, first: Float64Array, second: Float64Array): void {
  const { length } = real;
  for (let at = 0; at < first.length; at++) {
    const back = at === 0 ? 0 : length - at;
    const re = real[at] ?? 0;
    const im = imaginary[at] ?? 0;
    const backRe = real[back] ?? 0;
    const backIm = imaginary[back] ?? 0;
    first[at] = ((re + backRe) ** 2 + (im - backIm) ** 2) / 4;
    second[at] = ((im + backIm) ** 2 + (re - backRe) ** 2) / 4;
  }
}

/** Triangles that overlap by half, each of the same area, evenly spread over Slaney's scale from 0 to 8000 Hz. */
function bandsOf({ rate, width, bands }: LogMelSettings): readonly Band[] {
  const edges = Array.from({ length: bands + 2 }, (_, i) => hertzOf((melOf(HIGHEST) * i) / (bands + 1)));
  return Array.from({ length: bands }, (_, band) => {
    const [low = 0, middle = 0, high = 0] = edges.slice(band, band + 3);
    const weights = Array.from({ length: width / 2 + 1 }, (_unused, at) => {
      const hertz = (at * rate) / width;
      const height = Math.min((hertz - low) / (middle - low), (high - hertz) / (high - middle));
      return (2 * Math.max(0, height)) / (high - low);
    });
    const first = weights.findIndex((weight) => weight > 0);
    const end = weights.findLastIndex((weight) => weight > 0) + 1;
    return { first: Math.max(0, first), weights: Float64Array.from(weights.slice(Math.max(0, first), end)) };
  });
}

const HIGHEST = 8000;
/** Slaney's scale is even up to 1000 Hz, and above that every factor of 6.4 has 27 steps. */
const BEND = { hertz: 1000, mel: 15 } as const;
const STEP = Math.log(6.4) / 27;

function melOf(hertz: number): number {
  return hertz < BEND.hertz ? (hertz * BEND.mel) / BEND.hertz : BEND.mel + Math.log(hertz / BEND.hertz) / STEP;
}

function hertzOf(mel: number): number {
  return mel < BEND.mel ? (mel * BEND.hertz) / BEND.mel : BEND.hertz * Math.exp((mel - BEND.mel) * STEP);
}
