import type { AudioFormat } from "../format.ts";

/** FLAC: rate (20 bits) and number of samples (36 bits) stand in STREAMINFO, which comes first. */
export const flac: AudioFormat = {
  name: "flac",
  contentType: "audio/flac",
  matches: (header) => header.is(0, "fLaC"),
  durationSeconds(header) {
    const sampleRate = header.u24(18, "big") >> 4;
    const samples = (header.u8(21) & 0x0f) * 2 ** 32 + header.u32(22, "big");
    if (sampleRate === 0 || samples === 0) return header.fail("a FLAC does not say how long it is");
    return samples / sampleRate;
  },
};
