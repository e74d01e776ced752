import { Resampler } from "./audio/resampler.ts";

/** Bytes before the samples. */
const HEADER_BYTES = 44;
const PCM = 1;
const BYTES_PER_SAMPLE = 2;
/** The largest sample. The smallest could be one more; sound is symmetric. */
const LARGEST = 32_767;

/** Sound of one channel at another rate. */
export function resampleAudio(samples: Float32Array, from: number, to: number): Float32Array {
  return new Resampler(from, to).end(samples);
}

/** A WAV file with one channel of 16-bit samples. What lies outside −1 to 1 is cut off. */
export function encodeWav(samples: Float32Array, rate: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + samples.length * BYTES_PER_SAMPLE);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) => bytes.set(Buffer.from(value, "latin1"), at);
  text(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * BYTES_PER_SAMPLE, true);
  view.setUint16(32, BYTES_PER_SAMPLE, true);
  view.setUint16(34, 8 * BYTES_PER_SAMPLE, true);
  text(36, "data");
  view.setUint32(40, samples.length * BYTES_PER_SAMPLE, true);
  // In the order of this machine, which is the file's: little-endian. `Math.round` takes six times as long as `floor`.
  const numbers = new Int16Array(bytes.buffer, HEADER_BYTES);
  for (let i = 0; i < samples.length; i++)
    numbers[i] = Math.floor(Math.min(1, Math.max(-1, samples[i] ?? 0)) * LARGEST + 0.5);
  return bytes;
}
