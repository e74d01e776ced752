import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";

/** Elements that matter, by id. */
const SEGMENT = 0x18538067;
const INFO = 0x1549a966;
const SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const CLUSTER = 0x1f43b675;
const CLUSTER_TIME = 0xe7;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;
const SIMPLE_BLOCK = 0xa3;

const ENTERED: ReadonlySet<number> = new Set([SEGMENT, INFO, CLUSTER, BLOCK_GROUP]);
/** Nanoseconds a tick, when the file does not say. */
const USUAL_SCALE = 1_000_000;

/** WebM and Matroska. Recorders in browsers write no duration: then the last block says it. */
export const matroska: AudioFormat = {
  name: "matroska",
  contentType: "video/webm",
  matches: (header) => header.is(0, "\x1a\x45\xdf\xa3"),
  durationSeconds(header) {
    let scale = USUAL_SCALE;
    let stated = 0;
    let cluster = 0;
    let last = 0;
    for (let at = 0; at < header.length && stated === 0; ) {
      const element = elementAt(header, at);
      if (element === undefined) break;
      const { id, begin, size } = element;
      if (id === SCALE) scale = unsigned(header, begin, size);
      else if (id === DURATION) stated = size === 4 ? header.f32(begin) : header.f64(begin);
      else if (id === CLUSTER_TIME) cluster = unsigned(header, begin, size);
      else if (id === SIMPLE_BLOCK || id === BLOCK) last = Math.max(last, cluster + blockTime(header, begin));
      at = ENTERED.has(id) ? begin : begin + size;
    }
    // Files that state a duration before their scale are not worth a second pass.
    const ticks = stated > 0 ? stated : last;
    return ticks > 0 ? (ticks * scale) / 1e9 : header.fail("a WebM does not say how long it is");
  },
};

interface Element {
  readonly id: number;
  readonly begin: number;
  /** Infinite when not stated: only what is entered may leave it open. */
  readonly size: number;
}

/** `undefined` where the file was cut off. */
function elementAt(header: Header, at: number): Element | undefined {
  const idLength = leadingZeros(header.u8(at)) + 1;
  if (idLength > 4 || !header.has(at, idLength + 1)) return undefined;
  const sizeLength = leadingZeros(header.u8(at + idLength)) + 1;
  const begin = at + idLength + sizeLength;
  if (sizeLength > 8 || !header.has(at, idLength + sizeLength)) return undefined;
  // The marker bit of the first byte must go before the rest is added, or eight bytes would not be exact.
  let size = header.u8(at + idLength) & (0xff >> sizeLength);
  for (let index = 1; index < sizeLength; index++) size = size * 256 + header.u8(at + idLength + index);
  const open = 2 ** (7 * sizeLength) - 1;
  return { id: unsigned(header, at, idLength), begin, size: size === open ? Number.POSITIVE_INFINITY : size };
}

/** A block's time is relative to its cluster and stands behind its track number. */
function blockTime(header: Header, begin: number): number {
  const track = leadingZeros(header.u8(begin)) + 1;
  return header.i16(begin + track, "big");
}

function unsigned(header: Header, at: number, length: number): number {
  if (length > 8) return header.fail("a WebM has a number of more than 8 bytes");
  let value = 0;
  for (let index = 0; index < length; index++) value = value * 256 + header.u8(at + index);
  return value;
}

function leadingZeros(byte: number): number {
  return Math.clz32(byte) - 24;
}
