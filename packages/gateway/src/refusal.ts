import { type ErrorCode, isErrorCode, RivuletError, retryOf } from "@rivulet/primitives";
import { readLegacyPhrase } from "@rivulet/wire";
import type { PreparedJob } from "./prepared-job.ts";

/** A peer's answer that is no success. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  /** The `X-Rivulet-Code` header: peers of our kind say exactly what happened. */
  readonly code: string | undefined;
}

/** Our reason of a peer's words is at most this long. */
const MAX_REASON_LENGTH = 1000;

type Reader = (reason: string, job: PreparedJob) => RivuletError;

const asIs = (code: PlainCode): Reader => {
  return (reason) => new RivuletError(code, { reason });
};
/** We found nothing wrong with the request, so this is the model's limit: the application should know it. */
const rejectedByModel: Reader = (reason) => new RivuletError("request.rejected-by-model", { reason });

type PlainCode =
  | "request.rejected-by-model"
  | `credentials.${Credential}`
  | `payment.${Payment}`
  | "node.stopping"
  | Work;
type Credential = "malformed" | "bad-signature" | "incompatible" | "token-missing" | "token-invalid" | "token-expired";
type Payment =
  | "malformed"
  | "refused"
  | "params-expired"
  | "params-unknown"
  | "ticket-invalid"
  | "nonce-reused"
  | "nonces-exhausted"
  | "insufficient-balance"
  | "price-missing"
  | "price-too-low"
  | "sender-missing"
  | "sender-unreadable"
  | "reserve-insufficient"
  | "recipient-inactive";
type Work =
  | `worker.${"none-available" | "lost" | "job-failed"}`
  | `runner.${"unavailable" | "crashed" | "out-of-memory" | "failed"}`;

/** What a peer may tell by code. Other codes say nothing about a peer: then its status and text count. */
const readers: Partial<Record<ErrorCode, Reader>> = {
  "request.rejected-by-model": rejectedByModel,
  "request.malformed": rejectedByModel,
  "request.invalid": rejectedByModel,
  "request.too-large": rejectedByModel,
  "request.media-undecodable": rejectedByModel,
  "request.media-unsupported": rejectedByModel,
  "capacity.exhausted": (_reason, { pipeline, model }) =>
    new RivuletError("capacity.exhausted", { pipeline: pipeline.name, model }),
  "model.load-failed": (reason, { pipeline, model }) =>
    new RivuletError("model.load-failed", { pipeline: pipeline.name, model, reason }),
  "job.deadline-exceeded": (_reason, { deadline }) => new RivuletError("job.deadline-exceeded", { limitMs: deadline }),
  "credentials.malformed": asIs("credentials.malformed"),
  "credentials.bad-signature": asIs("credentials.bad-signature"),
  "credentials.incompatible": asIs("credentials.incompatible"),
  "credentials.token-missing": asIs("credentials.token-missing"),
  "credentials.token-invalid": asIs("credentials.token-invalid"),
  "credentials.token-expired": asIs("credentials.token-expired"),
  "payment.malformed": asIs("payment.malformed"),
  "payment.refused": asIs("payment.refused"),
  "payment.params-expired": asIs("payment.params-expired"),
  "payment.params-unknown": asIs("payment.params-unknown"),
  "payment.ticket-invalid": asIs("payment.ticket-invalid"),
  "payment.nonce-reused": asIs("payment.nonce-reused"),
  "payment.nonces-exhausted": asIs("payment.nonces-exhausted"),
  "payment.insufficient-balance": asIs("payment.insufficient-balance"),
  "payment.price-missing": asIs("payment.price-missing"),
  "payment.price-too-low": asIs("payment.price-too-low"),
  "payment.sender-missing": asIs("payment.sender-missing"),
  "payment.sender-unreadable": asIs("payment.sender-unreadable"),
  "payment.reserve-insufficient": asIs("payment.reserve-insufficient"),
  "payment.recipient-inactive": asIs("payment.recipient-inactive"),
  // What it thinks of our account is one peer's word: others are asked, and its reason is told if nobody takes the job.
  "payment.sender-unfunded": asIs("payment.refused"),
  "payment.sender-unlocking": asIs("payment.refused"),
  "worker.none-available": asIs("worker.none-available"),
  "worker.lost": asIs("worker.lost"),
  "worker.job-failed": asIs("worker.job-failed"),
  "runner.unavailable": asIs("runner.unavailable"),
  "runner.crashed": asIs("runner.crashed"),
  "runner.out-of-memory": asIs("runner.out-of-memory"),
  "runner.failed": asIs("runner.failed"),
  "node.stopping": asIs("node.stopping"),
};

/** The error that a peer's refusal tells: by its code, or by its words where it has none. */
export function readRefusal({ status, body, code }: Refusal, job: PreparedJob): RivuletError {
  const reader = code !== undefined && isErrorCode(code) ? readers[code] : undefined;
  if (reader !== undefined) return reader(reasonIn(body), job);
  const { error } = readLegacyPhrase(body, { pipeline: job.pipeline.name, model: job.model });
  if (error.code.startsWith("payment.sender-un") && retryOf(error) === "never")
    return new RivuletError("payment.refused", { reason: reasonIn(body) }, { cause: error });
  // Of what ends a job only the model's word is the application's business; the rest is between nodes.
  if (retryOf(error) !== "never" || error.code === "request.rejected-by-model") return error;
  return new RivuletError("peer.failed", { reason: `status ${status}` }, { cause: error });
}

/** The reason in our error body, or the text as it is. */
function reasonIn(body: string): string {
  return (jsonReason(body) ?? body).trim().slice(0, MAX_REASON_LENGTH);
}

function jsonReason(body: string): string | undefined {
  if (!body.startsWith("{")) return undefined;
  try {
    const { error } = JSON.parse(body) as { error?: { message?: unknown; facts?: { reason?: unknown } } };
    const reason = error?.facts?.reason ?? error?.message;
    return typeof reason === "string" ? reason : undefined;
  } catch {
    // What begins like JSON and is none is read as text.
    return undefined;
  }
}
