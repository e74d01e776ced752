import type { Header } from "./header.ts";
import { type Box, behindTimes, boxesOf, findBox } from "./mp4-boxes.ts";

interface Track {
  /** Ticks a second. */
  readonly scale: number;
  /** Ticks that a sample takes unless its fragment says otherwise. */
  readonly sampleTicks: number;
  ticks: number;
}

/** What a track fragment or its run leaves out or has, by its flags. Source: ISO/IEC 14496-12, 8.8.7 and 8.8.8. */
const FRAGMENT = { offset: 0x1, description: 0x2, ticks: 0x8 } as const;
const RUN = { offset: 0x1, firstFlags: 0x4, ticks: 0x100, size: 0x200, flags: 0x400, composition: 0x800 } as const;

/** How long the longest track is of a file in fragments whose length nobody wrote, as recorders leave it. 0 without any. */
export function secondsOfFragments(header: Header, movie: Box): number {
  const tracks = tracksOf(header, movie);
  for (const fragment of boxesOf(header, "moof", { begin: 0, end: header.length }))
    for (const part of boxesOf(header, "traf", fragment)) addFragment(header, part, tracks);
  // There may be more tracks than a call takes arguments.
  return [...tracks.values()].reduce((longest, { ticks, scale }) => Math.max(longest, ticks / scale), 0);
}

/** The tracks that have a scale, by number. */
function tracksOf(header: Header, movie: Box): ReadonlyMap<number, Track> {
  const usual = new Map<number, number>();
  const defaults = findBox(header, movie, "mvex");
  if (defaults !== undefined)
    for (const { begin } of boxesOf(header, "trex", defaults))
      usual.set(header.u32(begin + 4, "big"), header.u32(begin + 12, "big"));
  const tracks = new Map<number, Track>();
  for (const box of boxesOf(header, "trak", movie)) {
    const [about, media] = [findBox(header, box, "tkhd"), findBox(header, box, "mdia", "mdhd")];
    if (about === undefined || media === undefined) continue;
    const id = header.u32(behindTimes(header, about), "big");
    const scale = header.u32(behindTimes(header, media), "big");
    if (scale > 0) tracks.set(id, { scale, sampleTicks: usual.get(id) ?? 0, ticks: 0 });
  }
  return tracks;
}

function addFragment(header: Header, part: Box, tracks: ReadonlyMap<number, Track>): void {
  const about = findBox(header, part, "tfhd");
  const track = about && tracks.get(header.u32(about.begin + 4, "big"));
  if (about === undefined || track === undefined) return;
  const flags = header.u24(about.begin + 1, "big");
  const at = about.begin + 8 + (flags & FRAGMENT.offset ? 8 : 0) + (flags & FRAGMENT.description ? 4 : 0);
  const sampleTicks = flags & FRAGMENT.ticks ? header.u32(at, "big") : track.sampleTicks;
  for (const run of boxesOf(header, "trun", part)) track.ticks += ticksOfRun(header, run, sampleTicks);
}

function ticksOfRun(header: Header, { begin, end }: Box, sampleTicks: number): number {
  const flags = header.u24(begin + 1, "big");
  const samples = header.u32(begin + 4, "big");
  if ((flags & RUN.ticks) === 0) return samples * sampleTicks;
  const fields = [RUN.ticks, RUN.size, RUN.flags, RUN.composition].filter((field) => flags & field).length;
  let ticks = 0;
  // Where a file claims more samples than it lists, those that it lists are there.
  let at = begin + 8 + (flags & RUN.offset ? 4 : 0) + (flags & RUN.firstFlags ? 4 : 0);
  for (let sample = 0; sample < samples && at + 4 <= end; sample++, at += 4 * fields) ticks += header.u32(at, "big");
  return ticks;
}
