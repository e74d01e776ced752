import { deadline, isError, type Milliseconds, RivuletError, readTextWithin } from "@rivulet/primitives";
import { MAX_ANSWER_BYTES } from "../limits.ts";
import { record } from "./call.ts";

/** Why an endpoint cannot answer now. Another may; it never leaves this folder. */
export class EndpointFailure extends Error {
  override readonly name = "EndpointFailure";
}

/** What one call of a batch came to: its result, or the endpoint's refusal, which every other endpoint would repeat. */
export type RpcOutcome =
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "refused"; readonly error: RivuletError<"chain.refused"> };

export interface EndpointOptions {
  readonly url: string;
  readonly timeout: Milliseconds;
}

interface Question {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** How many bytes of what an endpoint says about an error are kept. */
const MAX_REASON = 300;

/** One address that speaks JSON-RPC over HTTP. */
export class RpcEndpoint {
  /** Host and port. The rest of an address may hold a key, so it is told to nobody. */
  readonly name: string;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #secrets: readonly string[];
  readonly #timeout: Milliseconds;
  readonly #fetch: typeof fetch;
  #takesBatches = true;
  #nextId = 1;

  constructor(options: EndpointOptions, fetcher: typeof fetch) {
    const url = parseUrl(options.url);
    const { username, password, pathname, searchParams } = url;
    this.name = url.host;
    this.#headers = { "content-type": "application/json", ...authorization(username, password) };
    this.#secrets = [username, password, ...pathname.split("/"), ...searchParams.values()].filter(isLikeASecret);
    url.username = url.password = "";
    this.#url = url.href;
    this.#timeout = options.timeout;
    this.#fetch = fetcher;
  }

  /** Answers in the order of `questions`. Throws `EndpointFailure`, or the reason of `signal`. */
  async send(questions: readonly Question[], signal: AbortSignal | undefined): Promise<readonly RpcOutcome[]> {
    if (questions.length > 1 && this.#takesBatches) {
      const answers = await this.#post(questions, signal);
      if (answers !== undefined) return answers;
      this.#takesBatches = false;
    }
    const outcomes: RpcOutcome[] = [];
    for (const question of questions) {
      const [outcome] = (await this.#post([question], signal)) ?? [];
      if (outcome === undefined) throw new EndpointFailure("the answer is not one of JSON-RPC");
      outcomes.push(outcome);
    }
    return outcomes;
  }

  /** The outcomes of one HTTP request; `undefined` when the endpoint does not take several questions in one. */
  async #post(
    questions: readonly Question[],
    signal: AbortSignal | undefined,
  ): Promise<readonly RpcOutcome[] | undefined> {
    const firstId = this.#nextId;
    this.#nextId += questions.length;
    const messages = questions.map(({ method, params }, index) => ({
      jsonrpc: "2.0",
      id: firstId + index,
      method,
      params,
    }));
    const answer = await this.#exchange(messages.length === 1 ? messages[0] : messages, signal);
    if (messages.length > 1 && !Array.isArray(answer)) return undefined;
    const byId = new Map<unknown, unknown>();
    for (const one of Array.isArray(answer) ? answer : [answer]) byId.set(fieldOf(one, "id"), one);
    return messages.map(({ id }) => this.#outcomeOf(byId.get(id)));
  }

  async #exchange(body: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    using limit = deadline(this.#timeout, signal);
    try {
      const response = await this.#fetch(this.#url, {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify(body),
        signal: limit,
        redirect: "error",
      });
      const text = await readBounded(response);
      const json = parseJson(text);
      // Several endpoints answer errors of JSON-RPC, such as too many logs, with a status of 4xx or 5xx.
      if (response.ok || isRpcAnswer(json)) return json;
      throw new EndpointFailure(`HTTP status ${response.status}`);
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof EndpointFailure) throw cause;
      if (isError(limit.reason, "job.deadline-exceeded")) {
        throw new EndpointFailure(`no answer within ${this.#timeout} ms`);
      }
      throw new EndpointFailure(connectionProblem(cause));
    }
  }

  #outcomeOf(answer: unknown): RpcOutcome {
    const error = fieldOf(answer, "error");
    if (error !== undefined && error !== null) return this.#refusal(error);
    const result = fieldOf(answer, "result");
    if (result === undefined) throw new EndpointFailure("the answer is not one of JSON-RPC");
    return { kind: "result", result };
  }

  #refusal(error: unknown): RpcOutcome {
    const rpcCode = Number(fieldOf(error, "code") ?? 0);
    const reason = this.#withoutSecrets(String(fieldOf(error, "message") ?? "")).slice(0, MAX_REASON);
    const data = revertData(fieldOf(error, "data"));
    const isFinal = data !== undefined || TOO_MANY_LOGS.test(reason) || REVERTED.test(reason);
    if (!isFinal && (UNABLE_CODES.has(rpcCode) || UNABLE.test(reason))) throw new EndpointFailure(reason);
    const facts = { rpcCode: Number.isSafeInteger(rpcCode) ? rpcCode : 0, reason };
    return {
      kind: "refused",
      error: new RivuletError("chain.refused", data === undefined ? facts : { ...facts, data }),
    };
  }

  /** What an endpoint says may repeat the key it was asked with. */
  #withoutSecrets(text: string): string {
    return this.#secrets.reduce((shown, secret) => shown.replaceAll(secret, "…"), text);
  }
}

/** The reason of a failed connection, without the address that may be in its text. */
function connectionProblem(cause: unknown): string {
  const code = fieldOf(fieldOf(cause, "cause"), "code") ?? fieldOf(cause, "code");
  return typeof code === "string" ? `the connection failed (${code})` : "the connection failed";
}

/** Codes with which an endpoint says that it, not the call, is the problem: limits, and resources it lacks. */
const UNABLE_CODES: ReadonlySet<number> = new Set([-32001, -32002, -32005, -32016, -32097, 429]);
/** The same in words; a state or block that is unknown here is known to an endpoint that is not behind. */
const UNABLE =
  /rate limit|too many requests|capacity|quota|exceeded.*(limit|units)|header not found|unknown block|block not found|unsupported block number|missing trie node|state .*not available|not synced|^EOF|temporarily|timed? ?out|unavailable|pool is full|internal (json-rpc )?error\.?$/i;
const REVERTED = /revert/i;
/** How endpoints say that a range holds more logs, or spans more blocks, than they give at once. */
const TOO_MANY_LOGS =
  /more than \d+ (results|logs)|too many (results|logs)|block range|range (is )?too (large|wide)|(response|result).*(size|too large)|limit.*range|logs matched/i;

/** Whether an endpoint refused a query for logs because it asks for too much at once. */
export function isTooManyLogs(error: unknown): boolean {
  return isError(error, "chain.refused") && TOO_MANY_LOGS.test(error.facts.reason);
}

/** The bytes that a revert carries: most endpoints send them bare, some inside an object. */
function revertData(data: unknown): string | undefined {
  if (typeof data === "string") return /^0x([0-9a-f]{2})*$/i.test(data) ? data : undefined;
  return data === undefined || data === null ? undefined : revertData(fieldOf(data, "data"));
}

function isRpcAnswer(json: unknown): boolean {
  return Array.isArray(json) || (fieldOf(json, "jsonrpc") === "2.0" && fieldOf(json, "error") !== undefined);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A page of a proxy in between: the status says more.
    return undefined;
  }
}

function readBounded({ body }: Response): Promise<string> {
  const tooLong = () => new EndpointFailure(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  return readTextWithin(body ?? [], MAX_ANSWER_BYTES, tooLong);
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? record(value)[key] : undefined;
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw invalidUrl("not an address");
  const url = new URL(text);
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw invalidUrl(`${url.protocol} is not supported; use http or https`);
}

function authorization(username: string, password: string): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** Keys of endpoints stand in their addresses; short words of a path, such as `v2`, are none. */
function isLikeASecret(part: string): boolean {
  return part.length >= 8;
}

function invalidUrl(message: string): RivuletError<"config.invalid"> {
  return new RivuletError("config.invalid", { problems: [{ path: "chain.endpoints", message }] });
}
