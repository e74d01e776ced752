import { type ErrorCode, RivuletError, retryOf } from "@rivulet/primitives";
import { readErrorBody, readLegacyPhrase } from "@rivulet/wire";
import type { PreparedJob } from "./prepared-job.ts";

/** A peer's answer that is no success. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
}

/** What a peer of ours may tell, and is believed as it tells it. */
const believed: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  // We found nothing wrong with the request; who runs the model may. The application reads it as it was said.
  "request.rejected-by-model",
  "request.malformed",
  "request.invalid",
  "request.too-large",
  "request.media-undecodable",
  "request.media-unsupported",
  "credentials.malformed",
  "credentials.bad-signature",
  "credentials.incompatible",
  "credentials.token-missing",
  "credentials.token-invalid",
  "credentials.token-expired",
  "payment.malformed",
  "payment.refused",
  "payment.params-expired",
  "payment.params-unknown",
  "payment.ticket-invalid",
  "payment.nonce-reused",
  "payment.nonces-exhausted",
  "payment.insufficient-balance",
  "payment.price-missing",
  "payment.price-too-low",
  "payment.sender-missing",
  "payment.sender-unreadable",
  "payment.reserve-insufficient",
  "payment.recipient-inactive",
  "worker.none-available",
  "worker.lost",
  "worker.job-failed",
  "runner.unavailable",
  "runner.crashed",
  "runner.out-of-memory",
  "runner.failed",
  "node.stopping",
]);

type Reader = (job: PreparedJob, told: RivuletError) => RivuletError;

const full: Reader = ({ pipeline, model }) =>
  new RivuletError("capacity.exhausted", { pipeline: pipeline.name, model });
/** What it thinks of our account is one peer's word: others are asked, and its reason is told if nobody takes the job. */
const refused: Reader = (_job, told) => new RivuletError("payment.refused", { reason: told.message });

/** What means something else here than where it was said. */
const readers: Partial<Record<ErrorCode, Reader>> = {
  "capacity.exhausted": full,
  "node.overloaded": full,
  "model.load-failed": ({ pipeline, model }, { facts }) =>
    new RivuletError("model.load-failed", { pipeline: pipeline.name, model, reason: reasonIn(facts) }),
  "job.deadline-exceeded": ({ deadline }) => new RivuletError("job.deadline-exceeded", { limitMs: deadline }),
  "payment.sender-unfunded": refused,
  "payment.sender-unlocking": refused,
};

/** The error that a peer's refusal tells: as peers of ours tell theirs, or by the words of others. */
export function readRefusal({ status, body }: Refusal, job: PreparedJob): RivuletError {
  const told = readErrorBody(body);
  if (told !== undefined) {
    if (believed.has(told.code)) return told;
    return (
      readers[told.code]?.(job, told) ?? new RivuletError("peer.failed", { reason: told.message }, { cause: told })
    );
  }
  const { error } = readLegacyPhrase(body, { pipeline: job.pipeline.name, model: job.model });
  if (error.code.startsWith("payment.sender-un") && retryOf(error) === "never") return refused(job, error);
  // Of what ends a job only the model's word is the application's business; the rest is between nodes.
  if (retryOf(error) !== "never" || error.code === "request.rejected-by-model") return error;
  return new RivuletError("peer.failed", { reason: `status ${status}` }, { cause: error });
}

function reasonIn(facts: object): string {
  return "reason" in facts && typeof facts.reason === "string" ? facts.reason : "";
}
