import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { type Clock, isError, type Milliseconds, ms, RivuletError, seconds } from "@rivulet/primitives";
import type { Dispatcher } from "undici";
import { askUrl } from "../http/ask.ts";
import { readBounded } from "../http/read-bounded.ts";
import type { Authenticator, Caller, Credentials } from "./authenticator.ts";

export interface WebhookOptions {
  readonly url: string;
  /** How long it may take to answer. */
  readonly timeout: Milliseconds;
  /** How long a yes counts. A no counts a tenth of that. */
  readonly remember: Milliseconds;
}

/** Answers in memory; the oldest go first. */
const MAX_REMEMBERED = 10_000;
/** Nothing but a name is read of an answer. */
const MAX_ANSWER_BYTES = 16_384;
const NO_COUNTS_SHORTER = 0.1;

type Answer = { readonly until: Milliseconds; readonly caller: Caller | undefined };

/**
 * Asks an address of the operator: `POST {"path"}` with the caller's `Authorization` header. 2xx lets the caller in, and
 * may name it with `{"name"}`; 401 and 403 do not; anything else, or no answer in time, is "auth.unavailable".
 *
 * Answers are remembered briefly by the hash of the header, and requests with the same header share one question.
 */
export class AuthWebhook implements Authenticator {
  readonly #options: WebhookOptions;
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher;
  readonly #answers = new Map<string, Answer>();
  readonly #asking = new Map<string, Promise<Answer>>();

  constructor(options: WebhookOptions, ports: { readonly clock: Clock; readonly dispatcher: Dispatcher }) {
    this.#options = options;
    this.#clock = ports.clock;
    this.#dispatcher = ports.dispatcher;
  }

  async authenticate(credentials: Credentials): Promise<Caller> {
    const key = createHash("sha256")
      .update(`${credentials.path}\n${credentials.authorization ?? ""}`)
      .digest("base64");
    const { caller } = this.#remembered(key) ?? (await this.#askOnce(key, credentials));
    if (caller === undefined) throw new RivuletError("auth.rejected", { reason: "the caller was not let in" });
    return caller;
  }

  #remembered(key: string): Answer | undefined {
    const answer = this.#answers.get(key);
    return answer !== undefined && answer.until > this.#clock.now() ? answer : undefined;
  }

  #askOnce(key: string, credentials: Credentials): Promise<Answer> {
    const known = this.#asking.get(key);
    if (known !== undefined) return known;
    const asking = this.#ask(credentials)
      .then((caller) => this.#remember(key, caller))
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  #remember(key: string, caller: Caller | undefined): Answer {
    const length = this.#options.remember * (caller === undefined ? NO_COUNTS_SHORTER : 1);
    const answer = { caller, until: ms(this.#clock.now() + length) };
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_REMEMBERED) break;
      this.#answers.delete(oldest);
    }
    return answer;
  }

  async #ask({ authorization, path }: Credentials): Promise<Caller | undefined> {
    try {
      const { statusCode, body } = await askUrl(this.#dispatcher, this.#options.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...(authorization !== undefined && { authorization }) },
        body: JSON.stringify({ path }),
        signal: AbortSignal.timeout(this.#options.timeout),
      });
      if (statusCode >= 200 && statusCode < 300) return callerOf(await textOf(body));
      await body.dump();
      if (statusCode === 401 || statusCode === 403) return undefined;
      throw new RivuletError("auth.unavailable", { reason: `status ${statusCode}` });
    } catch (cause) {
      if (isError(cause)) throw cause;
      throw new RivuletError("auth.unavailable", {}, { cause });
    }
  }
}

/** The published time limit for webhooks that an application waits for. */
export const WEBHOOK_TIMEOUT = seconds(3);

function callerOf(text: string): Caller {
  try {
    const answer: unknown = JSON.parse(text);
    const name = typeof answer === "object" && answer !== null ? Reflect.get(answer, "name") : undefined;
    return { name: typeof name === "string" && name !== "" ? name : "unnamed" };
  } catch {
    // An empty body, or one for other readers, is a plain yes.
    return { name: "unnamed" };
  }
}

async function textOf(body: Readable): Promise<string> {
  try {
    return (await readBounded(body, MAX_ANSWER_BYTES)).toString("utf8");
  } finally {
    body.destroy();
  }
}
