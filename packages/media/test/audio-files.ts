import { big, concat, double, little, zeros } from "./bytes.ts";

/** Audio files as small as they can be: headers that are right, and silence or nothing behind them. */

export function wav(
  seconds: number,
  options: { readonly statedSize?: number; readonly isOpen?: boolean; readonly format?: number } = {},
) {
  const rate = 8000;
  const samples = zeros(Math.round(seconds * rate) * 2);
  const format = concat(
    little(2, options.format ?? 1),
    little(2, 1),
    little(4, rate),
    little(4, rate * 2),
    little(2, 2),
    little(2, 16),
  );
  return concat(
    "RIFF",
    little(4, options.isOpen === true ? 0 : 36 + samples.length),
    "WAVE",
    "LIST\x03\0\0\0abc\0",
    "fmt ",
    little(4, 16),
    format,
    "data",
    little(4, options.statedSize ?? samples.length),
    samples,
  );
}

/** MPEG 1 layer III, 128 kbit/s at 44.1 kHz: 417 bytes and 1152 samples a frame. */
export function mp3(frames: number, options: { readonly index?: "Xing" | "Info"; readonly tag?: boolean } = {}) {
  const frame = concat("\xff\xfb\x90\x44", zeros(413));
  const index = concat("\xff\xfb\x90\x44", zeros(32), options.index ?? "", zeros(377));
  return concat(
    options.tag === true ? concat("ID3\x04\0\0\0\0\x01\x00", zeros(128)) : "",
    options.index === undefined ? "" : index,
    ...Array.from({ length: frames }, () => frame),
  );
}

export const MP3_FRAME_SECONDS = 1152 / 44_100;

/** ADTS at 48 kHz, one block of 1024 samples a frame. */
export function aac(frames: number) {
  const length = 100;
  const head = [0xff, 0xf1, 0x4c, 0x80 | (length >> 11), (length >> 3) & 0xff, ((length & 7) << 5) | 0x1f, 0xfc];
  return concat(...Array.from({ length: frames }, () => concat(Uint8Array.from(head), zeros(length - head.length))));
}

export function flac(samples: number, rate = 44_100) {
  const packed = (BigInt(rate) << 44n) | (15n << 36n) | BigInt(samples);
  return concat("fLaC", big(1, 0x80), big(3, 34), zeros(10), big(8, packed), zeros(16));
}

export function oggPage(position: bigint | number, body: Uint8Array | string, serial = 7) {
  const content = concat(body);
  const segments = Uint8Array.from([content.length]);
  return concat("OggS\0\0", little(8, position), little(4, serial), zeros(8), little(1, 1), segments, content);
}

export function opus(samples: number, skipped = 312) {
  const head = concat("OpusHead\x01\x01", little(2, skipped), little(4, 48_000), zeros(3));
  return concat(
    oggPage(0, head),
    oggPage(0, "OpusTags"),
    oggPage(960, zeros(100)),
    oggPage(-1n, zeros(50)),
    oggPage(samples + skipped, zeros(80)),
  );
}

export function vorbis(samples: number, rate = 44_100) {
  const head = concat("\x01vorbis", zeros(4), big(1, 1), little(4, rate), zeros(14));
  return concat(oggPage(0, head), oggPage(samples, zeros(80)));
}

export function box(type: string, ...content: readonly (Uint8Array | string)[]) {
  const body = concat(...content);
  return concat(big(4, body.length + 8), type, body);
}

export function mp4(
  duration: number,
  options: { readonly scale?: number; readonly wide?: boolean; readonly fragments?: number } = {},
) {
  const { scale = 1000, wide = false, fragments } = options;
  const size = wide ? 8 : 4;
  const movieHeader = box(
    "mvhd",
    big(4, wide ? 1 << 24 : 0),
    zeros(2 * size),
    big(4, scale),
    big(size, duration),
    zeros(80),
  );
  const fragmentHeader = fragments === undefined ? "" : box("mvex", box("mehd", zeros(4), big(4, fragments)));
  return concat(box("ftyp", "M4A \0\0\0\0"), box("mdat", zeros(64)), box("moov", movieHeader, fragmentHeader));
}

/** As recorders leave it: only the fragments say how long they are, here one with two samples of the last track. */
export function recordedMp4(milliseconds: number, tracks = 1) {
  const track = (id: number) =>
    box("trak", box("tkhd", zeros(12), big(4, id)), box("mdia", box("mdhd", zeros(12), big(4, 1000))));
  const trackList = Buffer.concat(Array.from({ length: tracks }, (_, index) => track(index + 1)));
  const run = box("trun", big(4, 0x100), big(4, 2), big(4, 500), big(4, milliseconds - 500));
  const fragment = box("traf", box("tfhd", zeros(4), big(4, tracks)), run);
  const movie = box("moov", box("mvhd", zeros(12), big(4, 1000), zeros(84)), trackList);
  return concat(box("ftyp", "M4A \0\0\0\0"), movie, box("moof", fragment), box("mdat", zeros(64)));
}

function element(id: number, content: Uint8Array | "unknown size", ...rest: readonly Uint8Array[]) {
  const name = big(id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1, id);
  if (content === "unknown size") return concat(name, Uint8Array.of(0x01, ...Array(7).fill(0xff)), ...rest);
  return concat(name, big(8, (1n << 56n) | BigInt(content.length)), content);
}

const EBML = element(0x1a45dfa3, concat("\x42\x82\x84webm"));

export function webm(milliseconds: number) {
  const info = element(0x1549a966, concat(element(0x2ad7b1, big(3, 1_000_000)), element(0x4489, double(milliseconds))));
  return concat(EBML, element(0x18538067, info));
}

/** As recorders in browsers write it: no duration, sizes left open. */
export function recordedWebm(clusterMilliseconds: number, blockMilliseconds: number) {
  const block = element(0xa3, concat("\x81", big(2, blockMilliseconds), "\x80", zeros(10)));
  const cluster = element(0x1f43b675, "unknown size", element(0xe7, big(2, clusterMilliseconds)), block);
  const info = element(0x1549a966, element(0x2ad7b1, big(3, 1_000_000)));
  return concat(EBML, element(0x18538067, "unknown size", info, cluster));
}
