import { type RequestId, RivuletError } from "@rivulet/primitives";
import type { ResultStore } from "./result-store.ts";

/** Jobs whose callers are not waiting, under way and done: each is some hundred bytes here, and its request in the budget. */
const MAX_JOBS = 10_000;

type Headers = Readonly<Record<string, string>>;

/** What became of a job. */
export type LaterResult =
  | { readonly kind: "processing" }
  | { readonly kind: "complete"; readonly body: Uint8Array; readonly headers: Headers };

interface Done {
  /** In the store of results, which keeps it as long as files and drops the oldest when it is full. */
  readonly name: string;
  readonly headers: Headers;
}

/**
 * Results that are asked for later, by the names of their requests, which nobody can guess. They are kept in memory with the
 * files they name, as long as those: a gateway that starts anew has none. Source: nodes-and-operations 1.9.
 */
export class LaterResults {
  readonly #store: ResultStore;
  /** In the order of their beginnings; `undefined` while under way. */
  readonly #jobs = new Map<RequestId, Done | undefined>();

  constructor(store: ResultStore) {
    this.#store = store;
  }

  /** Says that a job is under way. Throws "node.overloaded" when too many are. */
  begin(id: RequestId): void {
    if (this.#jobs.size >= MAX_JOBS) this.#forgetOne();
    this.#jobs.set(id, undefined);
  }

  /** Keeps what came of a job. */
  complete(id: RequestId, result: unknown, headers: Headers): void {
    const bytes = Buffer.from(JSON.stringify({ status: "complete", result }));
    this.#jobs.set(id, { name: this.#store.put({ bytes, contentType: "application/json" }), headers });
  }

  /** `undefined` for a name that was never told, and for results that are no longer kept. */
  find(id: string): LaterResult | undefined {
    const key = id as RequestId;
    if (!this.#jobs.has(key)) return undefined;
    const done = this.#jobs.get(key);
    if (done === undefined) return { kind: "processing" };
    const file = this.#store.find(done.name);
    if (file === undefined) this.#jobs.delete(key);
    return file && { kind: "complete", body: file.bytes, headers: done.headers };
  }

  #forgetOne(): void {
    for (const [id, done] of this.#jobs)
      if (done !== undefined) {
        this.#jobs.delete(id);
        return;
      }
    throw new RivuletError("node.overloaded", {});
  }
}
