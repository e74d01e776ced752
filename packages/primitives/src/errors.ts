/** What a caller may do about an error: ask the same peer again, ask another, or give up. */
export type Retry = "same-peer" | "other-peer" | "never";

/** The answers an error code carries: the status for an application, and whether and where to try again. */
export interface ErrorKind {
  readonly http: number;
  readonly retry: Retry;
  /** One sentence for people, without a full stop. Facts are appended by `RivuletError`. */
  readonly text: string;
}

/** Every error of Rivulet. A code is never renamed; a retired one is listed in `docs/reference/errors.md`. */
export const errorKinds = {
  "request.malformed": { http: 400, retry: "never", text: "the request could not be read" },
  "request.invalid": { http: 422, retry: "never", text: "the request has invalid fields" },
  "request.media-undecodable": { http: 400, retry: "never", text: "the file could not be decoded" },
  "request.media-unsupported": { http: 415, retry: "never", text: "the file's format is not supported" },
  "request.too-large": { http: 413, retry: "never", text: "the request is larger than allowed" },
  "request.rejected-by-model": { http: 400, retry: "never", text: "the model cannot do what was asked" },
  "request.cancelled": { http: 499, retry: "never", text: "the caller went away" },
  "request.not-found": { http: 404, retry: "never", text: "there is nothing at this address" },
  "request.method-not-allowed": { http: 405, retry: "never", text: "this address does not take that method" },
  "request.origin-refused": {
    http: 403,
    retry: "never",
    text: "pages of this origin may not use this gateway; its operator can allow them",
  },
  "auth.rejected": { http: 401, retry: "never", text: "the credentials were refused" },
  "auth.unavailable": { http: 503, retry: "never", text: "the authentication service did not answer" },
  "model.not-offered": { http: 404, retry: "never", text: "no orchestrator offers this model" },
  "model.unknown": { http: 400, retry: "never", text: "there is no such model here" },
  "model.load-failed": { http: 500, retry: "other-peer", text: "the model could not be loaded" },
  "network.no-orchestrators": { http: 503, retry: "never", text: "no orchestrator is known" },
  "network.all-busy": {
    http: 503,
    retry: "never",
    text: "every orchestrator that offers this model is full or suspended",
  },
  "capacity.exhausted": { http: 503, retry: "other-peer", text: "all slots for this model are taken" },
  "credentials.malformed": { http: 403, retry: "other-peer", text: "the segment credentials could not be read" },
  "credentials.bad-signature": {
    http: 403,
    retry: "other-peer",
    text: "the signature of the segment credentials does not verify",
  },
  "credentials.incompatible": { http: 403, retry: "other-peer", text: "the asked capabilities are not served here" },
  "credentials.token-missing": { http: 403, retry: "same-peer", text: "the auth token is missing" },
  "credentials.token-invalid": { http: 403, retry: "same-peer", text: "the auth token was not issued by this process" },
  "credentials.token-expired": { http: 403, retry: "same-peer", text: "the auth token has expired" },
  "payment.malformed": { http: 402, retry: "other-peer", text: "the payment could not be read" },
  "payment.refused": { http: 402, retry: "other-peer", text: "the payment was refused" },
  "payment.params-expired": { http: 402, retry: "same-peer", text: "the ticket parameters have expired" },
  "payment.params-unknown": {
    http: 402,
    retry: "same-peer",
    text: "the ticket parameters are not what this recipient issued",
  },
  "payment.params-unacceptable": { http: 503, retry: "other-peer", text: "the ticket parameters cannot be accepted" },
  "payment.over-limit": { http: 503, retry: "other-peer", text: "the tickets would pass the sender's limits" },
  "payment.exposure-too-high": {
    http: 503,
    retry: "never",
    text: "tickets that are out could use up what the sender has locked",
  },
  "payment.ticket-invalid": { http: 402, retry: "other-peer", text: "a ticket is not valid" },
  "payment.nonce-reused": { http: 402, retry: "other-peer", text: "a ticket's nonce has been used before" },
  "payment.nonces-exhausted": {
    http: 402,
    retry: "same-peer",
    text: "there are no more nonces for these ticket parameters",
  },
  "payment.insufficient-balance": { http: 402, retry: "same-peer", text: "the balance does not cover the work" },
  "payment.price-missing": { http: 402, retry: "same-peer", text: "the payment does not say which price it expects" },
  "payment.price-too-low": {
    http: 402,
    retry: "same-peer",
    text: "the expected price is below every price that was told",
  },
  "payment.price-increased": {
    http: 503,
    retry: "other-peer",
    text: "the price has more than doubled since the session began",
  },
  "payment.sender-missing": { http: 402, retry: "other-peer", text: "the payment does not say who pays" },
  "payment.sender-unreadable": { http: 503, retry: "other-peer", text: "the sender's funds could not be read" },
  "payment.sender-unfunded": { http: 402, retry: "never", text: "the sender has no deposit or no reserve" },
  "payment.sender-unlocking": { http: 402, retry: "never", text: "the sender's funds are about to be unlocked" },
  "payment.reserve-insufficient": {
    http: 402,
    retry: "other-peer",
    text: "the sender's reserve does not cover a winning ticket",
  },
  "payment.recipient-inactive": { http: 402, retry: "other-peer", text: "the recipient is not active in this round" },
  "payment.redemption-unprofitable": {
    http: 503,
    retry: "same-peer",
    text: "redeeming the ticket costs more than it would bring",
  },
  "payment.redemption-partial": {
    http: 503,
    retry: "same-peer",
    text: "the ticket would not be paid in full now; there is time to wait for more",
  },
  "price.above-maximum": { http: 503, retry: "other-peer", text: "the price is above the maximum that is paid" },
  "price.malformed": { http: 400, retry: "never", text: "the price could not be read" },
  "price.currency-unknown": { http: 400, retry: "never", text: "amounts in this currency cannot be turned into wei" },
  "price.feed-missing": { http: 503, retry: "same-peer", text: "there is no price feed to turn the amount into wei" },
  "signer.unavailable": { http: 503, retry: "never", text: "the remote signer did not answer" },
  "signer.rejected": { http: 502, retry: "never", text: "the remote signer does not sign for this node" },
  "signer.request-invalid": { http: 400, retry: "never", text: "the remote signer cannot act on the request" },
  "signer.state-invalid": { http: 400, retry: "never", text: "the state was not signed by this signer" },
  "signer.state-mismatch": { http: 400, retry: "never", text: "the state belongs to another session" },
  "signer.state-replayed": { http: 409, retry: "never", text: "the state is older than one that was used already" },
  "signer.caller-changed": { http: 403, retry: "never", text: "the state belongs to another caller" },
  "signer.too-many-tickets": {
    http: 400,
    retry: "never",
    text: "the payment takes more tickets than are signed at once",
  },
  "signer.session-refresh": {
    http: 480,
    retry: "same-peer",
    text: "the orchestrator must be asked for new parameters first",
  },
  "signer.price-exceeded": { http: 481, retry: "other-peer", text: "the orchestrator asks more than is allowed" },
  "signer.nothing-to-pay": { http: 482, retry: "same-peer", text: "no tickets are needed now" },
  "signer.budget-exhausted": { http: 483, retry: "never", text: "the caller has spent what it may" },
  "worker.secret-rejected": { http: 401, retry: "never", text: "the shared secret is wrong" },
  "worker.none-available": { http: 500, retry: "other-peer", text: "no worker can take the job" },
  "worker.lost": { http: 500, retry: "other-peer", text: "the worker went away before it answered" },
  "worker.task-unknown": { http: 404, retry: "never", text: "there is no such task, or it has ended" },
  "worker.job-failed": { http: 500, retry: "other-peer", text: "the worker reported an error" },
  "peer.unreachable": { http: 502, retry: "other-peer", text: "the peer could not be reached" },
  "peer.protocol": { http: 502, retry: "other-peer", text: "the peer broke the protocol" },
  "peer.not-public": {
    http: 502,
    retry: "other-peer",
    text: "the peer names a place that is not on the public internet",
  },
  "peer.failed": { http: 502, retry: "other-peer", text: "the peer failed" },
  "peer.bad-result": { http: 502, retry: "other-peer", text: "the result is not what was asked for" },
  "runner.unavailable": { http: 503, retry: "other-peer", text: "the runner is not running" },
  "runner.crashed": { http: 500, retry: "other-peer", text: "the model process ended while it worked" },
  "runner.out-of-memory": { http: 500, retry: "other-peer", text: "the model ran out of memory" },
  "runner.failed": { http: 500, retry: "other-peer", text: "the model failed" },
  "job.deadline-exceeded": { http: 504, retry: "other-peer", text: "the deadline has passed" },
  "node.stopping": { http: 503, retry: "other-peer", text: "this node is shutting down" },
  "node.overloaded": { http: 503, retry: "other-peer", text: "this node has all it can hold; try again in a moment" },
  "node.cannot-start": { http: 500, retry: "never", text: "the node cannot start" },
  "node.ended": { http: 503, retry: "never", text: "a node has ended that was not asked to" },
  "config.invalid": { http: 500, retry: "never", text: "the configuration has problems" },
  "chain.unavailable": { http: 503, retry: "same-peer", text: "no endpoint of the chain answers" },
  "chain.wrong-network": { http: 500, retry: "never", text: "the endpoint serves another chain" },
  "chain.refused": { http: 502, retry: "never", text: "the endpoint of the chain refused the call" },
  "chain.contract-missing": { http: 500, retry: "never", text: "the chain does not have this contract" },
  "chain.reverted": { http: 500, retry: "never", text: "the contract refused" },
  "chain.paused": { http: 503, retry: "same-peer", text: "the protocol is paused" },
  "chain.round-not-initialized": { http: 503, retry: "same-peer", text: "the current round has not been initialized" },
  "chain.round-initialized": { http: 409, retry: "never", text: "the current round has been initialized already" },
  "chain.round-locked": { http: 503, retry: "same-peer", text: "the current round is locked until it ends" },
  "chain.ticket-used": { http: 409, retry: "never", text: "the ticket has been redeemed before" },
  "chain.ticket-expired": { http: 410, retry: "never", text: "the ticket can no longer be redeemed" },
  "chain.ticket-invalid": { http: 400, retry: "never", text: "the contract does not accept the ticket" },
  "chain.sender-unlocked": { http: 402, retry: "same-peer", text: "the sender may withdraw its funds" },
  "chain.sender-unfunded": { http: 402, retry: "same-peer", text: "the sender has neither deposit nor reserve" },
  "chain.recipient-unregistered": {
    http: 409,
    retry: "same-peer",
    text: "the recipient is not a registered orchestrator",
  },
  "chain.unlock-initiated": { http: 409, retry: "never", text: "the unlock has been started already" },
  "chain.unlock-missing": { http: 409, retry: "never", text: "no unlock has been started" },
  "chain.funds-locked": { http: 409, retry: "never", text: "the funds are locked for some rounds more" },
  "chain.insufficient-funds": { http: 402, retry: "never", text: "the account does not have enough" },
  "chain.gas-price-too-high": { http: 503, retry: "same-peer", text: "gas costs more than the configured maximum" },
  "chain.gas-limit-too-low": { http: 500, retry: "never", text: "the transaction takes more gas than it may" },
  "chain.transaction-timeout": { http: 504, retry: "same-peer", text: "the transaction was not included in time" },
  "chain.transaction-failed": { http: 500, retry: "never", text: "the transaction was included and failed" },
  "chain.transaction-replaced": {
    http: 409,
    retry: "same-peer",
    text: "another transaction of the account took the place of this one",
  },
  "chain.cannot-sign": { http: 500, retry: "never", text: "this account cannot sign transactions here" },
  "chain.keystore-invalid": { http: 500, retry: "never", text: "the keystore file cannot be used" },
  "chain.keystore-passphrase": { http: 401, retry: "never", text: "the passphrase does not open the keystore file" },
  "chain.price-unusable": { http: 503, retry: "same-peer", text: "the price feed's answer cannot be used" },
  "store.locked": { http: 500, retry: "never", text: "the database is in use" },
  "store.corrupt": { http: 500, retry: "never", text: "the database is damaged" },
  "store.full": { http: 503, retry: "other-peer", text: "there is no room for the database" },
  "store.newer": { http: 500, retry: "never", text: "the database was written by a newer version" },
  "store.wrong-network": { http: 500, retry: "never", text: "the database belongs to another network" },
  "store.unusable": { http: 500, retry: "other-peer", text: "the database cannot be used" },
  internal: { http: 500, retry: "other-peer", text: "something here went wrong" },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** One problem of one field, in the form applications know from the published API. */
export interface FieldProblem {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** What each code tells beside itself. Codes that are not listed carry `reason`, if anything. */
export interface ErrorFactsByCode {
  "request.invalid": { readonly problems: readonly FieldProblem[] };
  "request.media-undecodable": { readonly field: string; readonly reason: string };
  "request.media-unsupported": { readonly field: string; readonly reason: string };
  "request.too-large": { readonly limitBytes: number; readonly field?: string };
  /** `field`: what asks for it, where one field does. */
  "request.rejected-by-model": { readonly reason?: string; readonly field?: string };
  "model.not-offered": { readonly pipeline: string; readonly model: string; readonly offered: readonly string[] };
  "model.unknown": { readonly pipeline: string; readonly model: string; readonly offered: readonly string[] };
  "model.load-failed": { readonly pipeline: string; readonly model: string; readonly reason: string };
  "network.all-busy": { readonly pipeline: string; readonly model: string; readonly retryAfterMs: number };
  "network.no-orchestrators": { readonly retryAfterMs: number };
  "capacity.exhausted": { readonly pipeline: string; readonly model: string };
  /** `hadConnection`: there was one, and it broke before the answer began. */
  "peer.unreachable": { readonly reason?: string; readonly hadConnection?: boolean };
  "job.deadline-exceeded": { readonly limitMs: number };
  /** `expected` and `actual` are chain ids. */
  "chain.wrong-network": { readonly expected: number; readonly actual: number; readonly reason: string };
  /** What the endpoint said: its JSON-RPC code, and the data of a revert as hex. */
  "chain.refused": { readonly rpcCode: number; readonly reason: string; readonly data?: string };
  /** Amounts are decimal texts in the smallest unit of the token. */
  "chain.insufficient-funds": {
    readonly account: string;
    readonly token: string;
    readonly needed: string;
    readonly available: string;
    readonly reason: string;
  };
  /** Decimal texts, in wei. */
  "chain.gas-price-too-high": { readonly current: string; readonly maximum: string; readonly reason: string };
  "chain.gas-limit-too-low": { readonly reason: string };
  "chain.transaction-timeout": { readonly hash: string; readonly reason: string };
  /** `gasCost` is what it cost all the same: wei, as decimal text. */
  "chain.transaction-failed": { readonly hash: string; readonly reason: string; readonly gasCost?: string };
  "chain.transaction-replaced": { readonly hash: string; readonly nonce: number };
  /** Chain ids: that of the configuration, and that of the database. */
  "store.wrong-network": { readonly expected: number; readonly actual: number; readonly reason: string };
  "config.invalid": { readonly problems: readonly { readonly path: string; readonly message: string }[] };
}

/** The facts of a code. */
export type ErrorFacts<C extends ErrorCode> = C extends keyof ErrorFactsByCode
  ? ErrorFactsByCode[C]
  : { readonly reason?: string };

/**
 * The world being the world. Told apart by `code`; `facts` are typed per code.
 *
 * The message is for people: the code's sentence and the reason. Nobody parses it.
 */
export class RivuletError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "RivuletError";
  readonly code: C;
  readonly facts: ErrorFacts<C>;

  constructor(code: C, facts: ErrorFacts<C>, options?: { readonly cause?: unknown }) {
    super(messageOf(code, facts), options);
    this.code = code;
    this.facts = facts;
  }
}

/** Whether `error` is ours, of this code when one is given. Narrows to the code's facts. */
export function isError(error: unknown): error is RivuletError;
export function isError<C extends ErrorCode>(error: unknown, code: C): error is RivuletError<C>;
export function isError(error: unknown, code?: ErrorCode): boolean {
  return error instanceof RivuletError && (code === undefined || error.code === code);
}

/** Who should try again. Anything that is not ours counts as `internal`. */
export function retryOf(error: unknown): Retry {
  return errorKinds[codeOf(error)].retry;
}

/** The status an application sees. */
export function httpOf(error: unknown): number {
  return errorKinds[codeOf(error)].http;
}

/** The code of an error; `internal` for anything that is not ours. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof RivuletError ? error.code : "internal";
}

/** Whether a text is a code of the table: for codes that arrive from a peer. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorKinds, text);
}

/** The one error body of the product, understood by every client in use. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly retryable: boolean;
    readonly facts: unknown;
  };
  /** `{ msg }`, or for 422 the list of field problems. */
  readonly detail: { readonly msg: string } | readonly FieldProblem[];
}

/** The body that goes with an error. What is not ours is told as `internal` without its text. */
export function errorBody(error: unknown): ErrorBody {
  const ours = error instanceof RivuletError ? error : new RivuletError("internal", {});
  return {
    error: {
      code: ours.code,
      message: ours.message,
      retryable: errorKinds[ours.code as ErrorCode].retry !== "never" || httpOf(ours) === 503,
      facts: ours.facts,
    },
    detail: isError(ours, "request.invalid") ? ours.facts.problems : { msg: ours.message },
  };
}

function messageOf<C extends ErrorCode>(code: C, facts: ErrorFacts<C>): string {
  const text = errorKinds[code].text;
  if ("problems" in facts) return `${text}: ${facts.problems.map(problemText).join("; ")}`;
  if ("offered" in facts) {
    const offered = facts.offered.length === 0 ? "none" : facts.offered.join(", ");
    return `${text}: ${facts.pipeline} with ${facts.model} (offered: ${offered})`;
  }
  if ("limitBytes" in facts)
    return `${text}: at most ${facts.limitBytes} bytes${facts.field === undefined ? "" : ` in ${facts.field}`}`;
  if ("limitMs" in facts) return `${text}: ${facts.limitMs} ms`;
  const field = "field" in facts && facts.field !== undefined ? ` (${facts.field})` : "";
  const model = "pipeline" in facts ? `: ${facts.pipeline} with ${facts.model}` : "";
  return "reason" in facts && facts.reason !== undefined
    ? `${text}${field}${model}: ${facts.reason}`
    : `${text}${field}${model}`;
}

function problemText(problem: FieldProblem | { readonly path: string; readonly message: string }): string {
  return "loc" in problem ? `${problem.loc.join(".")}: ${problem.msg}` : `${problem.path}: ${problem.message}`;
}
