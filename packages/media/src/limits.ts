/** The most pixels an image may have: 8192² in RGB is 200 MB in memory. Source: runner-and-models 7.17. */
export const MAX_PIXELS = 8192 * 8192;
/** A day. Longer claims are broken headers; and a deadline made of one must still fit a timer. */
export const MAX_AUDIO_SECONDS = 86_400;
/** Bytes that may lie before or between the frames of an MP3 or AAC stream: room for tags, not for another format. */
export const MAX_JUNK_BYTES = 65_536;
