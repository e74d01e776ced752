/**
 * Capabilities as the network writes them: bit n of word n / 64, the least significant first. A list of words and not one
 * number, because the rule for subsets counts words. Source: wire-protocol 2.6.
 */
export type CapabilityBits = readonly bigint[];

const WORD = 64;

/** As many words as the highest number needs. Negative numbers stand for "none" and are left out. */
export function bitsOf(numbers: Iterable<number>): CapabilityBits {
  const words: bigint[] = [];
  for (const number of numbers) {
    if (number < 0) continue;
    const index = Math.floor(number / WORD);
    while (words.length <= index) words.push(0n);
    words[index] = (words[index] ?? 0n) | (1n << BigInt(number % WORD));
  }
  return words;
}

/** The numbers whose bits are set, in order. */
export function numbersOf(bits: CapabilityBits): readonly number[] {
  const numbers: number[] = [];
  bits.forEach((word, index) => {
    let rest = word;
    for (let bit = 0; rest !== 0n; bit += 1, rest >>= 1n) if ((rest & 1n) === 1n) numbers.push(index * WORD + bit);
  });
  return numbers;
}

export function hasBit(bits: CapabilityBits, number: number): boolean {
  return (((bits[Math.floor(number / WORD)] ?? 0n) >> BigInt(number % WORD)) & 1n) === 1n;
}

/** Whether every bit of `part` is in `whole`. One that has more words is none, whatever they hold: so the network counts. */
export function isSubset(part: CapabilityBits, whole: CapabilityBits): boolean {
  return part.length <= whole.length && part.every((word, index) => (word & (whole[index] ?? 0n)) === word);
}

/** Every capability that has a name, by number. Source: wire-protocol 2.6. */
export const capabilityNames: ReadonlyMap<number, string> = new Map([
  [0, "H.264"],
  [1, "MPEGTS"],
  [2, "MP4"],
  [3, "Fractional framerates"],
  [4, "Storage direct"],
  [5, "Storage S3"],
  [6, "Storage GCS"],
  [7, "H264 Baseline profile"],
  [8, "H264 Main profile"],
  [9, "H264 High profile"],
  [10, "H264 Constrained, Contained High profile"],
  [11, "GOP"],
  [12, "Auth token"],
  [14, "MPEG7 signature"],
  [15, "HEVC decode"],
  [16, "HEVC encode"],
  [17, "VP8 decode"],
  [18, "VP9 decode"],
  [19, "VP8 encode"],
  [20, "VP9 encode"],
  [21, "H264 Decode YUV444 8-bit"],
  [22, "H264 Decode YUV422 8-bit"],
  [23, "H264 Decode YUV444 10-bit"],
  [24, "H264 Decode YUV422 10-bit"],
  [25, "H264 Decode YUV420 10-bit"],
  [26, "Segment slicing"],
  [27, "Text to image"],
  [28, "Image to image"],
  [29, "Image to video"],
  [30, "Upscale"],
  [31, "Audio to text"],
  [32, "Segment anything 2"],
  [33, "Llm"],
  [34, "Image to text"],
  [35, "Live video to video"],
  [36, "Text to speech"],
  [37, "byoc"],
]);

/** The number under which prices of BYOC capabilities are listed. It is never advertised as a bit. */
export const BYOC_CAPABILITY = 37;

const between = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

/**
 * What every node is taken to have. An orchestrator without all of these is never selected, though an AI node uses none
 * of them.
 */
export const DEFAULT_CAPABILITIES: readonly number[] = [...between(0, 12), 14, 26];

/** What an orchestrator that says nothing about capabilities is taken to have. */
export const LEGACY_CAPABILITIES: readonly number[] = between(0, 11);

const numberByName: ReadonlyMap<string, number> = new Map([...capabilityNames].map(([number, name]) => [name, number]));

/** The number of a pipeline, by the network's own rule: its first letter large, dashes as spaces. */
export function findCapabilityNumber(pipeline: string): number | undefined {
  return numberByName.get(pipeline.charAt(0).toUpperCase() + pipeline.slice(1).replaceAll("-", " "));
}

/** The pipeline of a number, by the network's rule for lists: lower case, spaces as dashes. */
export function findPipelineName(capability: number): string | undefined {
  return capabilityNames.get(capability)?.toLowerCase().replaceAll(" ", "-");
}
