/** The version of the protocol's own software that we answer for: peers ask for a least version and compare with this. */
export const COMPATIBILITY_VERSION = "0.9.1";

/** How the protocol's own software names a build without a version. */
const UNVERSIONED = "undefined";

/** A text longer than this is no version. */
const MAX_LENGTH = 256;

/** `v` may stand before, minor and patch may be missing; what follows `-` or `+` does not count. */
const PATTERN = /^v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** Whether a peer that has `have` meets `least`. A least that is no version is met by all. Source: wire-protocol 3.5. */
export function isVersionAtLeast(have: string, least: string): boolean {
  if (least === "") return true;
  if (have === "" || have === UNVERSIONED) return false;
  const wanted = parse(least);
  if (wanted === undefined) return true;
  const given = parse(have);
  if (given === undefined) return false;
  const at = wanted.findIndex((part, index) => part !== given[index]);
  return at < 0 || (given[at] ?? 0) > (wanted[at] ?? 0);
}

function parse(text: string): readonly number[] | undefined {
  const match = text.length > MAX_LENGTH ? null : PATTERN.exec(text);
  return match === null ? undefined : [match[1], match[2], match[3]].map((part) => Number(part ?? 0));
}
