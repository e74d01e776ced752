import { minutes, seconds } from "@rivulet/primitives";

/** A job's body, files included: the published limit of the network's runners. */
export const MAX_REQUEST_BYTES = 50_000_000;
/** Bodies of jobs in memory, all gateways together, while they arrive and while they are worked on. */
export const JOB_BODIES_BYTES = 2_000_000_000;
/** How long the body of a job may take to arrive. */
export const JOB_ARRIVAL_LIMIT = minutes(5);
/** A runner's answer: masks are tens of megabytes of JSON text, and four copies may exist on the way. */
export const MAX_RESPONSE_BYTES = 512_000_000;
/** A runner's answer that is no result: one of ours may tell a hundred problems of a hundred fields. */
export const MAX_ERROR_BYTES = 65_536;
/** What a worker may post for one job. Reference: 3 GB, more than this process could hold in one buffer. */
export const MAX_RESULT_BYTES = 1_000_000_000;
/** Results of all workers in memory while they arrive. */
export const RESULT_BODIES_BYTES = 2_000_000_000;
/** An error text as a worker posts it, stack traces and all; of it `MAX_ERROR_BYTES` are kept. */
export const MAX_POSTED_ERROR_BYTES = 1_000_000;
/** Files of a request that can be downloaded. Source: wire-protocol 4.8. */
export const FILES_PER_REQUEST = 12;
/** How long they can be. Source: wire-protocol 1.4. */
export const RESULT_LIFETIME = minutes(10);
/** All results and inputs in memory; beyond it the oldest request loses its files. */
export const RESULT_STORE_BYTES = 512_000_000;
/** Requests with files in memory: bounds the bookkeeping when files are tiny. */
export const RESULT_STORE_REQUESTS = 20_000;

/** A gRPC message in either direction. Source: wire-protocol 1.5. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
/** A message to an orchestrator from anybody: what a gateway needs is a few hundred bytes. */
export const MAX_QUESTION_BYTES = 64 * 1024;
/** Jobs under way, whatever they do: bounds the bodies in memory. */
export const MAX_JOBS = 2048;
/** How long a node that stops waits for its jobs. */
export const DRAIN_LIMIT = seconds(10);

/** Workers attached at once; each holds a stream open. */
export const MAX_WORKERS = 1000;
/** Jobs told to a worker and not yet sent down its stream: a reader this far behind has stopped reading. */
export const MAX_NOTIFICATIONS = 1024;
/** How long a job waits for a result after its worker's stream closed, before another worker does it. */
export const LOST_WORKER_GRACE = seconds(5);
/** The longest a remote job may take. Source: wire-protocol 1.4. */
export const REMOTE_JOB_LIMIT = minutes(15);

/** Download of a job's input: whole and as bytes. Source: wire-protocol 1.4. */
export const INPUT_DOWNLOAD_LIMIT = seconds(4);
export const MAX_INPUT_BYTES = 300_000_000;

/** How long a worker that stops finishes what it has. */
export const WORKER_DRAIN_LIMIT = seconds(30);
