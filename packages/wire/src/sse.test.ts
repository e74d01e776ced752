import { describe, expect, test } from "vitest";
import { MAX_EVENT_LINE } from "./limits.ts";
import { EventLines, eventOf, isLastChunk, readChunks, readEvents } from "./sse.ts";

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

const chunk = (reason?: string | null) => JSON.stringify({ choices: [{ index: 0, finish_reason: reason }] });

describe("an event stream", () => {
  test("is its data lines, whatever else stands between them", async () => {
    const source = pieces(": hello\nevent: x\r\nid: 1\ndata: a\r\n\r\n\n\nda", "ta:b\ndata:  c\nretry: 5\n\ndata: d");
    expect(await all(readEvents(source))).toEqual(["a", "b", " c", "d"]);
  });

  test("keeps characters that are cut in two", () => {
    const bytes = Buffer.from(eventOf("€"));
    const lines = new EventLines();
    expect([...lines.push(bytes.subarray(0, 7)), ...lines.push(bytes.subarray(7))]).toEqual(["€"]);
  });

  test("may have a line of 64 KiB and none longer, in one piece or many", () => {
    const longest = `data: ${"x".repeat(MAX_EVENT_LINE - 6)}`;
    expect(new EventLines().push(Buffer.from(`${longest}\n`))).toHaveLength(1);
    const tooLong = expect.objectContaining({ code: "peer.protocol" });
    expect(() => new EventLines().push(Buffer.from(`${longest}x\n`))).toThrow(tooLong);
    const lines = new EventLines();
    lines.push(Buffer.from(longest));
    expect(() => lines.push(Buffer.from("x"))).toThrow(tooLong);
  });
});

describe("a language model's stream", () => {
  test("ends with the chunk that says why, whatever follows", async () => {
    const source = pieces(eventOf(chunk(null)), eventOf(chunk("")), eventOf(chunk("stop")), eventOf(chunk()));
    expect(await all(readChunks(source))).toEqual([chunk(null), chunk(""), chunk("stop")]);
  });

  test("is read to its end for those who want what stands there, however it ends", async () => {
    let isAtItsEnd = false;
    async function* source() {
      yield* pieces(eventOf(chunk("stop")), eventOf(chunk()));
      isAtItsEnd = true;
      throw new Error("reset");
    }
    const last: boolean[] = [];
    expect(await all(readChunks(source(), { onLast: () => last.push(isAtItsEnd) }))).toEqual([chunk("stop")]);
    expect(isAtItsEnd).toBe(true);
    expect(last).toEqual([false]);
  });

  test("passes over what is not JSON", async () => {
    const source = pieces(eventOf("{half"), eventOf("[DONE]"), eventOf(chunk("stop")));
    expect(await all(readChunks(source))).toEqual([chunk("stop")]);
  });

  test("that ends before its last chunk was cut off", async () => {
    const read = readChunks(pieces(eventOf(chunk())));
    expect((await read.next()).value).toBe(chunk());
    await expect(read.next()).rejects.toMatchObject({ code: "peer.protocol" });
  });

  test("has chunks of any form, none of which is the last by accident", () => {
    for (const strange of [null, 1, "x", [], {}, { choices: [] }, { choices: {} }, { choices: [{ finish_reason: 1 }] }])
      expect(isLastChunk(strange)).toBe(false);
  });
});
