import type { Header } from "../header.ts";
import { MAX_JUNK_BYTES } from "../limits.ts";

/** One frame of a stream that is nothing but frames. */
export interface Frame {
  /** In bytes, at least 1. */
  readonly length: number;
  readonly seconds: number;
  /** What all frames of one stream share: a frame with another kind is an accident. */
  readonly kind: number;
}

export type FrameAt = (header: Header, at: number) => Frame | undefined;

/**
 * Adds up the frames that are really there, past tags and damage.
 *
 * What a header claims about the whole is not asked: files get cut, and the claim would be what is billed.
 */
export function secondsOfFrames(header: Header, begin: number, frameAt: FrameAt): number {
  let total = 0;
  let junk = 0;
  let kind: number | undefined;
  for (let at = begin; at < header.length; ) {
    const frame = frameAt(header, at);
    if (frame !== undefined && (frame.kind === kind || isFollowed(header, at, frame, frameAt))) {
      if (!header.has(at, frame.length)) break;
      total += frame.seconds;
      at += frame.length;
      kind = frame.kind;
    } else {
      at += 1;
      if ((junk += 1) > MAX_JUNK_BYTES) break;
    }
  }
  return total > 0 ? total : header.fail("there are no audio frames");
}

/** A first frame counts when another of its kind, or the end, comes right after it. */
function isFollowed(header: Header, at: number, frame: Frame, frameAt: FrameAt): boolean {
  const next = at + frame.length;
  return next === header.length || frameAt(header, next)?.kind === frame.kind;
}

/** Where the stream begins behind ID3v2 tags, whose sizes have 7 bits a byte. */
export function behindTags(header: Header): number {
  let at = 0;
  while (header.is(at, "ID3") && header.has(at, 10)) {
    at += 10 + [6, 7, 8, 9].reduce((size, index) => (size << 7) | (header.u8(at + index) & 0x7f), 0);
  }
  return at;
}
