import { type ErrorCode, type ErrorFactsByCode, type FieldProblem, RivuletError } from "@rivulet/primitives";

/** What is known about an error that a peer reported by its code. */
export interface PeerReport {
  readonly pipeline: string;
  readonly model: string;
  /** The peer's sentence. */
  readonly reason: string;
  /** Field by field, when the peer said so. */
  readonly problems?: readonly FieldProblem[];
}

/** An error that a peer reported by its code, as ours: facts that the report lacks are filled from the job. */
export function peerError(code: ErrorCode, report: PeerReport): RivuletError {
  if (isOfMoney(code)) return new RivuletError("peer.failed", { reason: report.reason });
  return hasFacts(code) ? withFacts[code](report) : new RivuletError(code, { reason: report.reason });
}

/** Codes of what runners and workers have no part in. */
type OfMoney = Extract<ErrorCode, `chain.${string}` | `payment.${string}` | `store.${string}`>;
type WithFacts = Exclude<keyof ErrorFactsByCode, OfMoney>;

function isOfMoney(code: ErrorCode): code is OfMoney {
  return /^(chain|payment|store)\./.test(code);
}

function hasFacts(code: ErrorCode): code is WithFacts {
  return Object.hasOwn(withFacts, code);
}

const offered: readonly string[] = [];

const withFacts: { readonly [C in WithFacts]: (report: PeerReport) => RivuletError } = {
  "request.invalid": ({ reason, problems }) =>
    new RivuletError("request.invalid", {
      problems: problems ?? [{ loc: ["body"], msg: reason, type: "value_error" }],
    }),
  "request.media-undecodable": ({ reason }) => new RivuletError("request.media-undecodable", { field: "body", reason }),
  "request.media-unsupported": ({ reason }) => new RivuletError("request.media-unsupported", { field: "body", reason }),
  // The peer's limit is only in its sentence.
  "request.too-large": ({ reason }) => new RivuletError("request.rejected-by-model", { reason }),
  "model.not-offered": ({ pipeline, model }) => new RivuletError("model.not-offered", { pipeline, model, offered }),
  "model.unknown": ({ pipeline, model }) => new RivuletError("model.unknown", { pipeline, model, offered }),
  "model.load-failed": (report) => new RivuletError("model.load-failed", report),
  "network.all-busy": ({ reason }) => new RivuletError("peer.failed", { reason }),
  "network.no-orchestrators": ({ reason }) => new RivuletError("peer.failed", { reason }),
  "capacity.exhausted": ({ pipeline, model }) => new RivuletError("capacity.exhausted", { pipeline, model }),
  "peer.unreachable": ({ reason }) => new RivuletError("peer.unreachable", { reason }),
  "job.deadline-exceeded": ({ reason }) => new RivuletError("peer.failed", { reason }),
  "config.invalid": ({ reason }) => new RivuletError("peer.failed", { reason }),
};
