import { Duplex, duplexPair } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, FrameReader, frameChannel } from "./frames.ts";

describe("frames", () => {
  test("come out as they went in, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ kind: fc.string(), bytes: fc.uint8Array(), amount: fc.double() }), { maxLength: 5 }),
        fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const bytes = Buffer.concat(messages.map(encodeFrame));
          const reader = new FrameReader();
          const read: unknown[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const length = (cuts[i % cuts.length] ?? 0) + 1;
            read.push(...reader.push(bytes.subarray(at, at + length)));
            at += length;
          }
          expect(read).toEqual(messages);
        },
      ),
    );
  });

  test("of an absurd length are refused before they are waited for", () => {
    const reader = new FrameReader();
    expect(() => [...reader.push(Buffer.from([0xff, 0xff, 0xff, 0xff]))]).toThrow(RangeError);
  });
});

describe("a channel", () => {
  test("tells the other side when one closes, and swallows what is sent after that", async () => {
    const [a, b] = duplexPair();
    const [ours, theirs] = [frameChannel(a), frameChannel(b)];
    const closed = new Promise<void>((resolve) => theirs.onClose(resolve));
    theirs.onMessage(() => {});
    ours.close();
    await closed;
    ours.send("too late");
    theirs.send("too late");
  });

  test("closes when what arrives is no frame", async () => {
    const stream = new Duplex({ read() {}, write: (_bytes, _encoding, done) => done() });
    const channel = frameChannel(stream);
    const heard: unknown[] = [];
    channel.onMessage((message) => heard.push(message));
    const closed = new Promise<void>((resolve) => channel.onClose(resolve));
    stream.push(Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from("???")]));
    await closed;
    expect(heard).toEqual([]);
  });
});
