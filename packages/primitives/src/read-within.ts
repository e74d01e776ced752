type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * All of a stream, in one piece, when it has `maxBytes` at most. Throws what `tooLong` makes as soon as there are more, and
 * reads no further.
 */
export async function readWithin(pieces: Pieces, maxBytes: number, tooLong: () => Error): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > maxBytes) throw tooLong();
    read.push(piece);
  }
  const whole = new Uint8Array(length);
  let end = 0;
  for (const piece of read) {
    whole.set(piece, end);
    end += piece.length;
  }
  return whole;
}

/** The same as text in UTF-8, with a byte order mark where it has one. */
export async function readTextWithin(pieces: Pieces, maxBytes: number, tooLong: () => Error): Promise<string> {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await readWithin(pieces, maxBytes, tooLong));
}
