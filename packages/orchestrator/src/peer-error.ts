import { findPipeline } from "@rivulet/pipelines";
import { type ErrorCode, type ErrorFactsByCode, type FieldProblem, isError, RivuletError } from "@rivulet/primitives";

/** What is known about an error that a peer reported in words. */
export interface PeerReport {
  readonly pipeline: string;
  readonly model: string;
  /** The peer's sentence. */
  readonly reason: string;
  /** Field by field, when the peer said so. */
  readonly problems?: readonly FieldProblem[];
}

/**
 * An error that a runner or worker of ours told of, as ours: what they have no part in is their failure. When they stop, it is
 * not we who do: then it is the error `gone`.
 */
export function toldError(told: RivuletError, gone: "runner.unavailable" | "worker.lost"): RivuletError {
  if (isError(told, "node.stopping")) return new RivuletError(gone, { reason: told.message }, { cause: told });
  return isForeign(told.code) ? new RivuletError("peer.failed", { reason: told.message }, { cause: told }) : told;
}

/** An error that a peer reported by a code and in words: facts that the report lacks are filled from the job. */
export function peerError(code: ErrorCode, report: PeerReport): RivuletError {
  if (isForeign(code)) return new RivuletError("peer.failed", { reason: report.reason });
  return hasFacts(code) ? withFacts[code](report) : new RivuletError(code, { reason: report.reason });
}

/** Codes of what runners and workers have no part in: gateways' credentials and money, the network, and our own deadline. */
type Foreign =
  | Extract<
      ErrorCode,
      `${"auth" | "chain" | "config" | "credentials" | "network" | "payment" | "signer" | "store"}.${string}`
    >
  | "job.deadline-exceeded";
type WithFacts = Exclude<keyof ErrorFactsByCode, Foreign>;

function isForeign(code: ErrorCode): code is Foreign {
  return (
    code === "job.deadline-exceeded" || /^(auth|chain|config|credentials|network|payment|signer|store)\./.test(code)
  );
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
  "request.media-undecodable": (report) => new RivuletError("request.media-undecodable", ofFile(report)),
  "request.media-unsupported": (report) => new RivuletError("request.media-unsupported", ofFile(report)),
  "request.rejected-by-model": ({ reason }) => new RivuletError("request.rejected-by-model", { reason }),
  // The peer's limit is only in its sentence.
  "request.too-large": ({ reason }) => new RivuletError("request.rejected-by-model", { reason }),
  "model.not-offered": ({ pipeline, model }) => new RivuletError("model.not-offered", { pipeline, model, offered }),
  "model.unknown": ({ pipeline, model }) => new RivuletError("model.unknown", { pipeline, model, offered }),
  "model.load-failed": ({ pipeline, model, reason }) =>
    new RivuletError("model.load-failed", { pipeline, model, reason }),
  "capacity.exhausted": ({ pipeline, model }) => new RivuletError("capacity.exhausted", { pipeline, model }),
  "peer.unreachable": ({ reason }) => new RivuletError("peer.unreachable", { reason }),
};

/** No pipeline takes more than one file. */
function ofFile({ pipeline, reason }: PeerReport): { readonly field: string; readonly reason: string } {
  const [field = "body"] = Object.keys(findPipeline(pipeline)?.media ?? {});
  return { field, reason };
}
