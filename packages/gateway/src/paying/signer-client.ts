import { address } from "@rivulet/crypto";
import { RivuletError, seconds } from "@rivulet/primitives";
import type { Dispatcher } from "undici";
import { askUrl } from "../http/ask.ts";
import { readBounded } from "../http/read-bounded.ts";
import type { Identity } from "./payer.ts";

export interface SignerAddress {
  /** Where the signer answers, with its scheme. */
  readonly url: string;
  /** For the signer alone: they go with no other request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What a signer wants back with the next call, as it came. */
export interface SignerState {
  readonly State: string;
  readonly Sig: string;
}

/** What a signer says to a question. */
export type SignerAnswer =
  | {
      readonly kind: "signed";
      /** The header's text. */
      readonly payment: string;
      readonly credentials: string;
      readonly state: SignerState;
    }
  /** What it knows of the account suffices. It brings no state: the units are to be told again. */
  | { readonly kind: "nothing-to-pay" }
  /** `isAboutState`: a session's price may not rise, its state may be refused; a new session may do. */
  | { readonly kind: "refused"; readonly isAboutState: boolean; readonly error: RivuletError };

const TIMEOUT = seconds(5);
/** A hundred tickets and the state. */
const MAX_ANSWER_BYTES = 1 << 20;
const MAX_REASON_LENGTH = 500;

/** The answers of a signer that mean something. Source: payments 17.2. */
const REFRESH = 480;
const PRICE_EXCEEDED = 481;
const NOTHING_TO_PAY = 482;
const BUDGET_EXHAUSTED = 483;
const OF_A_STATE: ReadonlySet<number> = new Set([PRICE_EXCEEDED, 400, 403, 409]);

/** Asks a remote signer. Throws "signer.unavailable" when it does not answer, and the signal's reason. Source: payments 17. */
export class SignerClient {
  readonly #signer: SignerAddress;
  readonly #dispatcher: Dispatcher;
  #identity: Promise<Identity> | undefined;

  constructor(signer: SignerAddress, dispatcher: Dispatcher) {
    this.#signer = signer;
    this.#dispatcher = dispatcher;
  }

  /** Asked once: the signature has neither nonce nor end. Throws "signer.rejected". */
  identity(): Promise<Identity> {
    this.#identity ??= this.#askIdentity().catch((error: unknown) => {
      this.#identity = undefined;
      throw error;
    });
    return this.#identity;
  }

  async #askIdentity(): Promise<Identity> {
    const { status, json } = await this.#call("sign-orchestrator-info", {}, AbortSignal.timeout(TIMEOUT));
    const { address: account, signature } = json;
    if (status !== 200 || typeof account !== "string" || typeof signature !== "string") throw refusalOf(status, json);
    return { address: address(account), signature: Uint8Array.from(Buffer.from(signature.slice(2), "hex")) };
  }

  async payment(question: unknown, signal: AbortSignal): Promise<SignerAnswer> {
    const { status, json } = await this.#call("generate-live-payment", question, signal);
    if (status === NOTHING_TO_PAY) return { kind: "nothing-to-pay" };
    const { payment, segCreds: credentials, state } = json;
    if (status === 200 && typeof payment === "string" && typeof credentials === "string" && isState(state))
      return { kind: "signed", payment, credentials, state };
    return { kind: "refused", isAboutState: OF_A_STATE.has(status), error: refusalOf(status, json) };
  }

  async #call(path: string, question: unknown, signal: AbortSignal) {
    const { url, headers } = this.#signer;
    try {
      const answer = await askUrl(this.#dispatcher, new URL(path, url.endsWith("/") ? url : `${url}/`).href, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(question),
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
      });
      const text = (await readBounded(answer.body, MAX_ANSWER_BYTES)).toString("utf8");
      return { status: answer.statusCode, json: recordIn(text) };
    } catch (cause) {
      signal.throwIfAborted();
      throw new RivuletError("signer.unavailable", {}, { cause });
    }
  }
}

function refusalOf(status: number, json: Readonly<Record<string, unknown>>): RivuletError {
  const reason = messageIn(json) ?? `the remote signer answered ${status}`;
  if (status === REFRESH) return new RivuletError("payment.params-expired", { reason });
  if (status === PRICE_EXCEEDED) return new RivuletError("signer.price-exceeded", { reason });
  if (status === BUDGET_EXHAUSTED) return new RivuletError("signer.budget-exhausted", { reason });
  if (status >= 500) return new RivuletError("signer.unavailable", { reason });
  return new RivuletError("signer.rejected", { reason });
}

function messageIn(json: Readonly<Record<string, unknown>>): string | undefined {
  const { error } = json;
  const message: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "message") : undefined;
  return typeof message === "string" ? message.slice(0, MAX_REASON_LENGTH) : undefined;
}

function recordIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? { ...json } : {};
  } catch {
    // The status says enough.
    return {};
  }
}

function isState(value: unknown): value is SignerState {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "State") === "string" &&
    typeof Reflect.get(value, "Sig") === "string"
  );
}
