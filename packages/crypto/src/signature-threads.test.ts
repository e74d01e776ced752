import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { MAX_SIGNATURES_WAITING } from "./limits.ts";
import { SignatureThreads, type SignatureThreadsOptions, type SignatureThreadsPorts } from "./signature-threads.ts";
import { keySigner, rawSign } from "./signing.ts";

const KEY = new Uint8Array(32).fill(7);
const { address } = keySigner(KEY);
const hash = (index: number) => new Uint8Array(32).fill(index & 0xff).fill(index >> 8, 16);
const hashes = (count: number) => Array.from({ length: count }, (_, index) => hash(index));
const signed = (count: number) => hashes(count).map((each) => ({ hash: each, signature: rawSign(KEY, each) }));

const open: SignatureThreads[] = [];
async function started(options: SignatureThreadsOptions, ports?: SignatureThreadsPorts): Promise<SignatureThreads> {
  const threads = new SignatureThreads(options, ports);
  open.push(threads);
  await threads.start();
  return threads;
}
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

describe.each([
  ["with two threads", 2],
  ["with one thread", 1],
  ["without a thread", 0],
])("signatures %s", (_name, count) => {
  test.each([0, 1, 4, 5, 16, 17, 100])(
    "of a batch of %i are those of the bare library, in their order",
    async (size) => {
      const threads = await started({ threads: count });
      expect(threads.threads).toBe(count);
      const signer = threads.signer(KEY);
      expect(signer.address).toBe(address);
      expect(await signer.sign(hashes(size))).toEqual(hashes(size).map((each) => rawSign(KEY, each)));
      expect(await threads.recover(signed(size))).toEqual(hashes(size).map(() => address));
    },
  );

  test("that are nobody's are told in their places", async () => {
    const threads = await started({ threads: count });
    const batch = signed(40).map((each, index) => {
      if (index % 4 === 1) return { ...each, signature: new Uint8Array(65) };
      if (index % 4 === 2) return { ...each, signature: each.signature.subarray(1) };
      return each;
    });
    const signers = await threads.recover(batch);
    expect(signers.map((each) => each === address)).toEqual(batch.map((_, i) => i % 4 === 0 || i % 4 === 3));
    expect(signers[1]).toBeUndefined();
  });

  test("of many batches at once do not mix", async () => {
    const threads = await started({ threads: count });
    const keys = Array.from({ length: 8 }, (_, index) => new Uint8Array(32).fill(index + 1));
    const signers = keys.map((key) => threads.signer(key));
    const batches = await Promise.all(signers.map((signer, index) => signer.sign(hashes(10 * index + 5))));
    for (const [index, batch] of batches.entries()) {
      const found = await threads.recover(batch.map((signature, n) => ({ hash: hash(n), signature })));
      expect(new Set(found)).toEqual(new Set([signers[index]?.address]));
    }
  });
});

describe("signature threads", () => {
  test("that are lost leave their work to the others, and the last one to the event loop", async () => {
    const dying = () =>
      new Worker(
        'const { parentPort: p } = require("node:worker_threads"); p.once("message", () => process.exit()); p.postMessage("ready");',
        {
          eval: true,
        },
      );
    const threads = await started({ threads: 3 }, { newThread: dying });
    expect(threads.threads).toBe(3);
    expect(await threads.recover(signed(100))).toEqual(hashes(100).map(() => address));
    expect(threads.threads).toBe(0);
    expect(await threads.signer(KEY).sign(hashes(20))).toHaveLength(20);
  });

  test("that cannot start are done without", async () => {
    const never = () => {
      throw new Error("no threads here");
    };
    const threads = await started({ threads: 1 }, { newThread: never });
    expect(threads.threads).toBe(0);
    expect(await threads.recover(signed(5))).toEqual(hashes(5).map(() => address));
  });

  test("refuse more than may wait, and take more when there is room", async () => {
    const threads = await started({ threads: 1 });
    const [one] = signed(1);
    if (one === undefined) throw new Error("no signature");
    const stopped = new AbortController();
    const all = threads.recover(new Array(MAX_SIGNATURES_WAITING).fill(one), stopped.signal);
    await expect(threads.recover(signed(5))).rejects.toMatchObject({ code: "node.overloaded" });
    stopped.abort(new Error("enough"));
    await expect(all).rejects.toThrow("enough");
    expect(await threads.recover(signed(5))).toHaveLength(5);
  });

  test("fail what is under way when they stop, and take nothing more", async () => {
    const threads = await started({ threads: 1 });
    const signer = threads.signer(KEY);
    const under = Promise.allSettled([signer.sign(hashes(600)), threads.recover(signed(50))]);
    await threads.stop();
    const later = Promise.allSettled([signer.sign(hashes(1)), threads.recover([])]);
    for (const each of [...(await under), ...(await later)])
      expect(each).toMatchObject({ status: "rejected", reason: { code: "node.stopping" } });
    await threads.stop();
  });

  test("keep a key of their own: the caller's may be wiped", async () => {
    const threads = await started({ threads: 1 });
    const given = Uint8Array.from(KEY);
    const signer = threads.signer(given);
    given.fill(0);
    expect(await signer.sign(hashes(5))).toEqual(hashes(5).map((each) => rawSign(KEY, each)));
    expect(() => threads.signer(given)).toThrow(expect.objectContaining({ code: "config.invalid" }));
  });

  test("want hashes of 32 bytes", async () => {
    const threads = await started({ threads: 0 });
    await expect(threads.signer(KEY).sign([new Uint8Array(31)])).rejects.toThrow(TypeError);
  });
});
