import { parentPort } from "node:worker_threads";
import { doSignatureWork, type SignatureWorkName } from "./packed-signatures.ts";

/** What a thread is asked. */
export interface ThreadOrder {
  readonly name: SignatureWorkName;
  readonly input: Uint8Array;
  readonly key: Uint8Array | undefined;
}

// One answer for each order, in their order. An error ends the thread, and whoever owns it does the work elsewhere.
parentPort?.on("message", ({ name, input, key }: ThreadOrder) => {
  parentPort?.postMessage(doSignatureWork(name, input, key));
});
parentPort?.postMessage("ready");
