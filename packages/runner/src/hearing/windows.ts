/** A stretch of sound that a model hears at once. */
export interface Window {
  readonly samples: Float32Array;
  /** Samples at the beginning and at the end that the window before and the one after hear as well. */
  readonly left: number;
  readonly right: number;
}

/**
 * Cuts sound that comes piece by piece into windows of `length` samples, each of which overlaps the next by twice
 * `overlap`: at most one window is held. Sound that fits one window is one, whatever its length.
 */
export async function* windowsOf(
  blocks: AsyncIterable<Float32Array>,
  length: number,
  overlap: number,
): AsyncGenerator<Window, void, undefined> {
  let held = new Float32Array(length + 1);
  let filled = 0;
  let left = 0;
  for await (const block of blocks)
    for (let taken = 0; taken < block.length; ) {
      const part = block.subarray(taken, taken + held.length - filled);
      held.set(part, filled);
      filled += part.length;
      taken += part.length;
      // One sample more than a window shows that this one is not the last.
      if (filled < held.length) continue;
      yield { samples: held.subarray(0, length), left, right: overlap };
      const next = new Float32Array(length + 1);
      next.set(held.subarray(length - 2 * overlap));
      held = next;
      filled = 2 * overlap + 1;
      left = overlap;
    }
  if (filled > 0) yield { samples: held.subarray(0, filled), left, right: 0 };
}

/** Several of what comes, as many as there may be at the time; fewer at the end. */
export async function* groupsOf<T>(
  items: AsyncIterable<T>,
  size: () => number,
): AsyncGenerator<readonly T[], void, undefined> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size()) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
