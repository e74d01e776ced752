import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/**
 * How many bytes of samples a data chunk has. Recorders write its length last, so one that was stopped has left all ones
 * there, or 0 in a file that says it has nothing behind either: then as many as follow.
 */
export function dataLength(header: Header, body: number): number {
  const stated = header.u32(body - 4, "little");
  const isOpen = stated === 0 && header.u32(4, "little") + 8 <= body;
  const there = header.length - body;
  return isOpen ? there : Math.min(stated, there);
}

/** WAV: as many samples as the data chunk holds. */
export const wav: AudioFormat = {
  name: "wav",
  contentType: "audio/wav",
  matches: (header) => (header.is(0, "RIFF") || header.is(0, "RF64")) && header.is(8, "WAVE"),
  durationSeconds(header) {
    let bytesPerSecond: number | undefined;
    for (let at = 12; ; ) {
      const name = header.text(at, 4);
      const size = header.u32(at + 4, "little");
      const body = at + 8;
      if (name === "fmt ") {
        const format = header.u16(body, "little");
        const isPlain = format === PCM || format === FLOAT || format === EXTENSIBLE;
        // What plain samples take is known; the stated rate is only needed, and believed, for the others.
        bytesPerSecond = isPlain
          ? header.u32(body + 4, "little") * header.u16(body + 12, "little")
          : header.u32(body + 8, "little");
      }
      if (name === "data") {
        if (bytesPerSecond === undefined || bytesPerSecond === 0) return header.fail("a WAV has no usable fmt chunk");
        return dataLength(header, body) / bytesPerSecond;
      }
      at = body + size + (size % 2);
    }
  },
};
