import { isError } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  aac,
  flac,
  MP3_FRAME_SECONDS,
  mp3,
  mp4,
  oggPage,
  opus,
  recordedMp4,
  recordedWebm,
  vorbis,
  wav,
  webm,
} from "../test/audio-files.ts";
import { concat, zeros } from "../test/bytes.ts";
import { bmp, encoders, motorolaTiff, oldBmp, pngHeader } from "../test/image-files.ts";
import { MAX_AUDIO_SECONDS, MAX_PIXELS } from "./limits.ts";
import { probe, probeAudio, probeFiles, probeImage } from "./probe.ts";
import { sniffContentType } from "./sniff.ts";

describe("an image says its size in its header", () => {
  test.each(Object.entries(encoders))("%s", async (name, encode) => {
    const bytes = await encode(40, 24);
    const format = name.split(",")[0];
    expect(probeImage(bytes)).toEqual({ kind: "image", format, width: 40, height: 24 });
    expect(sniffContentType(bytes)).toBe(`image/${format}`);
  });

  test("bitmaps, with rows from either end and with the old header", () => {
    expect(probeImage(bmp(40, 24))).toMatchObject({ format: "bmp", width: 40, height: 24 });
    expect(probeImage(bmp(40, -24))).toMatchObject({ width: 40, height: 24 });
    expect(probeImage(oldBmp(40, 24))).toMatchObject({ width: 40, height: 24 });
  });

  test("TIFF in the other byte order", () => {
    expect(probeImage(motorolaTiff(40, 24))).toMatchObject({ format: "tiff", width: 40, height: 24 });
  });
});

describe("audio says its length in its headers", () => {
  test.each([
    ["WAV", wav(1.5), "wav", 1.5],
    ["WAV whose length was never written", wav(1.5, { statedSize: 0xffffffff }), "wav", 1.5],
    ["WAV that was never finished", wav(1.5, { statedSize: 0, isOpen: true }), "wav", 1.5],
    ["WAV with compressed samples", wav(2, { format: 6 }), "wav", 2],
    ["MP3", mp3(50), "mp3", 50 * MP3_FRAME_SECONDS],
    ["MP3 with an index frame", mp3(50, { index: "Xing" }), "mp3", 50 * MP3_FRAME_SECONDS],
    ["MP3 behind a tag", mp3(50, { tag: true, index: "Info" }), "mp3", 50 * MP3_FRAME_SECONDS],
    ["MP3 before a tag", concat(mp3(50), "TAG", zeros(125)), "mp3", 50 * MP3_FRAME_SECONDS],
    ["MP3 with a hole", concat(mp3(25), zeros(100), mp3(25)), "mp3", 50 * MP3_FRAME_SECONDS],
    ["AAC", aac(75), "aac", (75 * 1024) / 48_000],
    ["FLAC", flac(66_150), "flac", 1.5],
    ["Opus", opus(72_000), "ogg", 1.5],
    ["Vorbis", vorbis(66_150), "ogg", 1.5],
    ["MP4", mp4(1500), "mp4", 1.5],
    ["MP4 with 64-bit times", mp4(1500, { wide: true }), "mp4", 1.5],
    ["MP4 in fragments", mp4(0, { fragments: 1500 }), "mp4", 1.5],
    ["MP4 from a recorder", recordedMp4(1500), "mp4", 1.5],
    ["MP4 of very many tracks", recordedMp4(1500, 150_000), "mp4", 1.5],
    ["WebM", webm(1500), "matroska", 1.5],
    ["WebM from a recorder", recordedWebm(1000, 500), "matroska", 1.5],
  ])("%s", (_name, bytes, format, durationSeconds) => {
    const found = probeAudio(bytes);
    expect(found).toEqual({ kind: "audio", format, durationSeconds: expect.closeTo(durationSeconds, 9) });
  });
});

describe("what cannot be measured is refused, naming its field", () => {
  test.each([
    ["text", "just a text"],
    ["nothing", ""],
    ["audio", wav(1)],
  ])("an image that is %s is not supported", (_name, bytes) => {
    expect(refusal(() => probeImage(concat(bytes), "mask"))).toEqual(["request.media-unsupported", "mask"]);
  });

  test.each([
    ["a PNG without IHDR", concat("\x89PNG\r\n\x1a\n", zeros(20))],
    ["a PNG that is empty", pngHeader(0, 10)],
    ["a PNG with more pixels than allowed", pngHeader(MAX_PIXELS, 2)],
    ["a JPEG without a frame", concat("\xff\xd8\xff\xda\0\x02")],
    ["a JPEG that stops", concat("\xff\xd8\xff\xe0\0\x10JFIF")],
    ["a TIFF without a size", concat("II*\0\x08\0\0\0\0\0")],
    ["a bitmap of negative width", bmp(-1, 10)],
  ])("%s is not decodable", (_name, bytes) => {
    expect(refusal(() => probeImage(bytes, "image"))).toEqual(["request.media-undecodable", "image"]);
  });

  test.each([
    ["a WAV without a format", concat("RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd")],
    ["a WAV without data", concat("RIFF\0\0\0\0WAVE")],
    ["an MP3 tag without MP3", concat("ID3\x04\0\0\0\0\0\0", zeros(500))],
    ["a FLAC of unknown length", flac(0)],
    ["an Ogg of something else", oggPage(5, "\x80theora")],
    ["an MP4 without a movie", concat("\0\0\0\x08ftyp")],
    ["an MP4 box smaller than its header", concat("\0\0\0\x08ftyp\0\0\0\x04moov")],
    ["an MP4 of unknown length", mp4(0)],
    ["a WebM of unknown length", webm(0)],
    ["a claim beyond the limit", mp4(MAX_AUDIO_SECONDS + 1, { scale: 1 })],
    ["a length that is no number", webm(Number.NaN)],
  ])("%s is not decodable", (_name, bytes) => {
    expect(refusal(() => probeAudio(bytes, "audio"))).toEqual(["request.media-undecodable", "audio"]);
  });
});

describe("the files of a request", () => {
  const image = { bytes: pngHeader(8, 4), filename: "a.png", contentType: "application/octet-stream" };

  test("are probed by field, others are ignored", () => {
    expect(probeFiles({ image: "image" }, { image, extra: image })).toEqual({
      image: { kind: "image", format: "png", width: 8, height: 4 },
    });
  });

  test("must be there", () => {
    expect(() => probeFiles({ image: "image", audio: "audio" }, { image })).toThrow(
      expect.objectContaining({
        code: "request.invalid",
        facts: { problems: [{ loc: ["body", "audio"], msg: expect.any(String), type: "missing" }] },
      }),
    );
  });
});

describe("whatever the bytes, there is an answer", () => {
  const seeds: readonly Uint8Array[] = [
    wav(0.01),
    mp3(3, { tag: true, index: "Xing" }),
    aac(3),
    flac(44_100),
    opus(48_000),
    vorbis(44_100),
    mp4(1000, { wide: true, fragments: 5 }),
    recordedMp4(1000, 2),
    webm(1000),
    recordedWebm(1000, 500),
    bmp(4, 4),
    motorolaTiff(4, 4),
    pngHeader(4, 4),
  ];

  test("cut anywhere", async () => {
    const images = await Promise.all(Object.values(encoders).map((encode) => encode(16, 16)));
    for (const whole of [...seeds, ...images])
      for (let length = 0; length <= Math.min(whole.length, 1500); length++) answers(whole.subarray(0, length));
  });

  test("changed anywhere", async () => {
    const images = await Promise.all(Object.values(encoders).map((encode) => encode(16, 16)));
    const changes = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...seeds, ...images), changes, (whole, edits) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        answers(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  test("made up behind a signature", () => {
    const signature = fc.constantFrom(...seeds.map((bytes) => bytes.subarray(0, 16)));
    fc.assert(
      fc.property(signature, fc.uint8Array({ maxLength: 400 }), (begin, rest) => answers(concat(begin, rest))),
      { numRuns: 2000 },
    );
  });

  test("long and made to waste time", () => {
    const length = 4_000_000;
    const filled = (begin: string, fill: number) => concat(begin, new Uint8Array(length).fill(fill));
    for (const begin of [
      "\xff\xd8\xff",
      "RIFF\0\0\0\0WAVE",
      "\0\0\0\x08ftyp",
      "\x1a\x45\xdf\xa3",
      "ID3",
      "OggS\0\0",
      "\xff\xfb",
    ])
      for (const fill of [0x00, 0x80, 0xff]) answers(filled(begin, fill));
  });
});

/** Fails unless both probes answer with a sane value or one of the two refusals. */
function answers(bytes: Uint8Array): void {
  for (const kind of ["image", "audio"] as const) {
    try {
      const found = probe(kind, bytes);
      if (found.kind === "image") expect(found.width * found.height).toBeLessThanOrEqual(MAX_PIXELS);
      else expect(found.durationSeconds).toBeLessThanOrEqual(MAX_AUDIO_SECONDS);
    } catch (error) {
      if (!isError(error, "request.media-undecodable") && !isError(error, "request.media-unsupported")) throw error;
    }
  }
  sniffContentType(bytes);
}

function refusal(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (isError(error, "request.media-undecodable") || isError(error, "request.media-unsupported"))
      return [error.code, error.facts.field];
    throw error;
  }
  return [];
}
