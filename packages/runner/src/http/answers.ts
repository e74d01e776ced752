import { codeOf, type ErrorCode, errorBody, httpOf, isError, retryOf } from "@rivulet/primitives";

/**
 * Who calls the runner. `rivulet` understands every status. The published worker knows a handful and fails on any other,
 * so it gets the nearest of those. Source: runner-and-models 1.2.3, 9.6.
 */
export type Peer = "rivulet" | "published-worker";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** The names of our codes on this interface. Codes that are not listed are `internal`. Source: runner-and-models 9.6. */
const INTERFACE_CODES: Partial<Readonly<Record<ErrorCode, string>>> = {
  "request.malformed": "invalid_request",
  "request.media-undecodable": "invalid_request",
  "model.unknown": "invalid_request",
  "auth.rejected": "unauthorized",
  "request.too-large": "payload_too_large",
  "request.media-unsupported": "unsupported_media",
  "request.invalid": "validation",
  "request.rejected-by-model": "unsupported_by_model",
  "runner.out-of-memory": "out_of_memory",
  "runner.unavailable": "loading",
  "capacity.exhausted": "busy",
  "node.stopping": "busy",
  "request.cancelled": "cancelled",
};

/** Seconds after which a slot may be free: about one job. */
const RETRY_AFTER_SECONDS = 1;

const PUBLISHED_STATUSES = new Set([200, 400, 401, 422, 500]);

/**
 * What a failed request is answered with: `detail` for whoever speaks the published interface, `error` for our own nodes,
 * which read in it what they would have thrown themselves. Errors that are not ours keep their text to themselves.
 */
export function answerTo(error: unknown, peer: Peer): Answer {
  const code = codeOf(error);
  const status = statusFor(httpOf(error), peer);
  return {
    status,
    headers: {
      "X-Rivulet-Code": code,
      ...(status === 401 ? { "WWW-Authenticate": "Bearer" } : {}),
      ...(status === 503 ? { "Retry-After": String(RETRY_AFTER_SECONDS) } : {}),
    },
    body: {
      error: errorBody(error).error,
      detail: isError(error, "request.invalid")
        ? error.facts.problems
        : { msg: messageOf(error), code: INTERFACE_CODES[code] ?? "internal", retryable: retryOf(error) !== "never" },
    },
  };
}

function statusFor(status: number, peer: Peer): number {
  if (peer === "rivulet" || PUBLISHED_STATUSES.has(status)) return status;
  return status < 500 ? 400 : 500;
}

/** The published texts where there is one; peers show them to people. Source: runner-and-models 1.2.2, 1.7. */
function messageOf(error: unknown): string {
  if (isError(error, "auth.rejected")) return "Invalid bearer token.";
  if (isError(error, "request.too-large")) return "File size exceeds limit.";
  if (isError(error, "model.unknown") && error.facts.offered.length > 0)
    return `pipeline configured with ${error.facts.offered.join(", ")} but called with ${error.facts.model}.`;
  return isError(error) ? error.message : "Internal Server Error";
}
