/** The mark between the parts of a prompt. */
const MARK = "|";

/** A prompt has at most this many parts; further marks stay in the last one. */
const MAX_PARTS = 4;

/**
 * The parts of a prompt, one for each text encoder that takes its own: cut at `|`, trimmed, blank ones dropped.
 * Source: runner-and-models 1.2.9.
 */
export function promptParts(prompt: string): readonly string[] {
  const cut = prompt.split(MARK);
  const parts = [...cut.slice(0, MAX_PARTS - 1), cut.slice(MAX_PARTS - 1).join(MARK)];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

/** What each of `encoders` encoders reads: its own part, or the first. Surplus parts are left out. */
export function textsFor(parts: readonly string[], encoders: number): readonly string[] {
  const [first = ""] = parts;
  return Array.from({ length: encoders }, (_, index) => parts[index] ?? first);
}
