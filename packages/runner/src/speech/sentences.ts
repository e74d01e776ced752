/**
 * A text in parts that a model can speak one after the other: at ends of sentences, as many together as fit into `most`
 * characters; a sentence that is longer is cut at commas, then at spaces, and where there are none, anywhere.
 */
export function sentencesOf(text: string, most: number): readonly string[] {
  const parts: string[] = [];
  for (const sentence of pieces(text.replace(/\s+/g, " ").trim(), BREAKS, most)) {
    const last = parts.at(-1);
    if (last !== undefined && last.length + 1 + sentence.length <= most)
      parts[parts.length - 1] = `${last} ${sentence}`;
    else parts.push(sentence);
  }
  return parts;
}

/** Where a text may be cut, from the best places to the worst. Closing quotes and brackets stay with their sentence. */
const BREAKS: readonly RegExp[] = [
  /(?<=[.!?…][\p{Pe}\p{Pf}"']*)\s+|(?<=[。！？][\p{Pe}\p{Pf}]*)/u,
  /(?<=[,;:–—][\p{Pe}\p{Pf}"']*)\s+|(?<=[，、；：])/u,
  /\s+/u,
];

function pieces(text: string, [at, ...others]: readonly RegExp[], most: number): readonly string[] {
  if (text === "") return [];
  if (text.length <= most && at !== BREAKS[0]) return [text];
  if (at === undefined) return chunks(text, most);
  return text.split(at).flatMap((part) => (part.length <= most ? filled(part) : pieces(part, others, most)));
}

function filled(part: string): readonly string[] {
  return part === "" ? [] : [part];
}

/** Cut between code points. */
function chunks(text: string, most: number): readonly string[] {
  const characters = [...text];
  const parts: string[] = [];
  let part = "";
  for (const character of characters) {
    if (part.length + character.length > most) {
      parts.push(part);
      part = "";
    }
    part += character;
  }
  return [...parts, part];
}
