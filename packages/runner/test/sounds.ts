/** Samples a second of what speech models hear. */
const RATE = 16_000;

/** A tone that rises and swells; `models/references/make_whisper_references.py` makes the same. */
export function sweep({ seconds, hertz }: { readonly seconds: number; readonly hertz: number }): Float32Array {
  return Float32Array.from({ length: Math.trunc(seconds * RATE) }, (_, i) => {
    const t = i / RATE;
    return 0.4 * Math.sin(2 * Math.PI * (hertz * t + 9 * t * t)) * (0.5 + 0.5 * Math.sin(2 * Math.PI * 0.7 * t));
  });
}

/** A WAV file of 32-bit floats, which loses nothing. */
export function floatWav(samples: Float32Array, rate = RATE): Uint8Array {
  const bytes = Buffer.alloc(44 + samples.length * 4);
  bytes.write("RIFF", 0, "latin1");
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8, "latin1");
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(3, 20); // floats
  bytes.writeUInt16LE(1, 22); // channels
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 4, 28);
  bytes.writeUInt16LE(4, 32);
  bytes.writeUInt16LE(32, 34);
  bytes.write("data", 36, "latin1");
  bytes.writeUInt32LE(samples.length * 4, 40);
  samples.forEach((value, i) => void bytes.writeFloatLE(value, 44 + i * 4));
  return bytes;
}
