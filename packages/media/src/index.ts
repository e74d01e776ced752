export { type AudioDecodeOptions, DECODED_AUDIO_RATE, decodeAudio } from "./audio.ts";
export { encodeWav, resampleAudio } from "./audio-out.ts";
export { type DataUrl, isDataUrl, parseDataUrl, toDataUrl } from "./data-url.ts";
export { type DecodeOptions, decodeImage, encodePng, type Rgb8, verifyImage } from "./image.ts";
export { MAX_AUDIO_SECONDS, MAX_PIXELS } from "./limits.ts";
export { encodeMp4, type Film } from "./mp4.ts";
export { probe, probeAudio, probeFiles, probeImage } from "./probe.ts";
export { sniffContentType } from "./sniff.ts";
