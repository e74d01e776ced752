/** Samples a second of what speech models hear. */
const RATE = 16_000;

/** A tone that rises and swells; `models/references/make_whisper_references.py` makes the same. */
export function sweep({ seconds, hertz }: { readonly seconds: number; readonly hertz: number }): Float32Array {
  return Float32Array.from({ length: Math.trunc(seconds * RATE) }, (_, i) => {
    const t = i / RATE;
    return 0.4 * Math.sin(2 * Math.PI * (hertz * t + 9 * t * t)) * (0.5 + 0.5 * Math.sin(2 * Math.PI * 0.7 * t));
  });
}

export interface WavForm {
  readonly rate: number;
  readonly channels?: number;
  readonly bits?: 8 | 16 | 24 | 32;
  readonly isFloat?: boolean;
}

/** A WAV file of samples from −1 to 1, sample by sample through all channels. */
export function wavOf(samples: Float32Array, form: WavForm): Uint8Array {
  const { rate, channels = 1, bits = 16, isFloat = false } = form;
  const width = bits / 8;
  const bytes = Buffer.alloc(44 + samples.length * width);
  bytes.write("RIFF", 0, "latin1");
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8, "latin1");
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(isFloat ? 3 : 1, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * channels * width, 28);
  bytes.writeUInt16LE(channels * width, 32);
  bytes.writeUInt16LE(bits, 34);
  bytes.write("data", 36, "latin1");
  bytes.writeUInt32LE(samples.length * width, 40);
  const largest = 2 ** (bits - 1) - 1;
  samples.forEach((value, i) => {
    if (isFloat) bytes.writeFloatLE(value, 44 + i * width);
    else if (bits === 8) bytes.writeUInt8(Math.round(value * largest) + 128, 44 + i);
    else bytes.writeIntLE(Math.round(value * largest), 44 + i * width, width);
  });
  return bytes;
}

/** A WAV file of 32-bit floats, which loses nothing. */
export function floatWav(samples: Float32Array, rate = RATE): Uint8Array {
  return wavOf(samples, { rate, bits: 32, isFloat: true });
}
