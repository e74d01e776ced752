export { type ClockDeadline, clockDeadline, deadline, linked, orAborted } from "./abort.ts";
export {
  type L1BlockNumber,
  type L2BlockNumber,
  l1BlockNumber,
  l2BlockNumber,
  type Round,
  round,
} from "./blocks.ts";
export { BodyBudget, type BodyRoom } from "./body-budget.ts";
export type { Branded } from "./brand.ts";
export type { Clock } from "./clock.ts";
export {
  codeOf,
  type ErrorBody,
  type ErrorCode,
  type ErrorFacts,
  type ErrorFactsByCode,
  type ErrorKind,
  errorBody,
  errorKinds,
  type FieldProblem,
  httpOf,
  isError,
  isErrorCode,
  type Retry,
  RivuletError,
  retryOf,
} from "./errors.ts";
export {
  type ModelId,
  modelId,
  type RequestId,
  randomId,
  requestId,
  type ServiceUri,
  serviceUri,
  shortId,
} from "./ids.ts";
export { BrokenInvariant, invariant } from "./invariant.ts";
export { type JsonWriting, jsonBody } from "./json-body.ts";
export { Lease } from "./lease.ts";
export { type LogFields, type Logger, silentLogger } from "./log.ts";
export { isOutOfMemory } from "./out-of-memory.ts";
export { BoundedQueue, type QueuePolicy } from "./queue.ts";
export type { Randomness } from "./randomness.ts";
export { Rational } from "./rational.ts";
export { readTextWithin, readWithin } from "./read-within.ts";
export { Sequence } from "./sequence.ts";
export type { Startable } from "./startable.ts";
export { type Milliseconds, minutes, ms, seconds } from "./time.ts";
export { type Wei, wei } from "./wei.ts";
export { type Fee, feeFor, type Price, type Work, type WorkUnit } from "./work.ts";
