import { probeAudio, sniffContentType } from "@rivulet/media";
import { aac, flac, mp3, mp4, opus, recordedWebm, vorbis, wav, webm } from "../../packages/media/test/audio-files.ts";
import type { Target } from "../target.ts";

export const target: Target = {
  name: "audio-header",
  corpus: [
    wav(0.01),
    mp3(2),
    mp3(1, { index: "Xing", tag: true }),
    aac(3),
    flac(100),
    opus(48_000),
    vorbis(44_100),
    mp4(1500),
    mp4(1500, { wide: true, fragments: 1500 }),
    webm(1000),
    recordedWebm(1000, 20),
  ],
  words: [
    ..."RIFF|WAVE|fmt |data|fLaC|OggS|OpusHead|vorbis|ID3|Xing|Info|VBRI".split("|"),
    ..."ftyp|moov|mvhd|mdhd|trak|stts|stsz|moof|mvex|mehd|free".split("|"),
  ],
  fuzz: (bytes) => ({ type: sniffContentType(bytes), probe: probeAudio(bytes) }),
};
