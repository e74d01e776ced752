import type { MediaFile } from "@rivulet/pipelines";
import type { ErrorCode } from "@rivulet/primitives";
import type { EngineOptions, Progress } from "../implementation.ts";

/** One job for a loaded model: a parsed request and its files. */
export interface HostJob {
  readonly request: Readonly<Record<string, unknown>>;
  readonly media: Readonly<Record<string, MediaFile>>;
}

/** Which model a host is to hold, and how it is to run it. */
export interface HostModel {
  readonly pipeline: string;
  readonly model: string;
  /** Directory of the model's files. */
  readonly directory: string;
  readonly threads: number;
  readonly engine?: EngineOptions;
}

/**
 * What the owner tells a model host. Jobs are numbered by the owner; a host works on one at a time and tells the progress
 * of those that are watched.
 */
export type ToHost =
  | { readonly kind: "load"; readonly model: HostModel }
  | { readonly kind: "run"; readonly job: number; readonly work: HostJob; readonly isWatched: boolean }
  | { readonly kind: "abort"; readonly job: number };

/** What a model host tells its owner. Without `job` it speaks of the load. */
export type FromHost =
  | { readonly kind: "progress"; readonly job?: number; readonly progress: Progress }
  | { readonly kind: "loaded"; readonly example: Readonly<Record<string, unknown>> }
  | { readonly kind: "result"; readonly job: number; readonly response: Record<string, unknown> }
  | { readonly kind: "error"; readonly job?: number; readonly code: ErrorCode; readonly facts: object }
  | { readonly kind: "memory"; readonly peakBytes: number };

/**
 * A two-way line between a model host and its owner: messages arrive whole and in order. When either side goes away the
 * other hears `onClose`, once.
 */
export interface Channel<Out, In> {
  send(message: Out): void;
  onMessage(listener: (message: In) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

/** How a host ended, for logs and errors. */
interface HostExit {
  /** `exit 1`, `signal SIGKILL`, and the last lines the process wrote, if any. */
  readonly reason: string;
}

/** A running model host that has not loaded anything yet. */
export interface HostConnection {
  readonly channel: Channel<ToHost, FromHost>;
  /** Ends the host at once, in the middle of whatever it does. */
  kill(): void;
  /** Resolves when nothing of the host is left. Never rejects. */
  readonly exited: Promise<HostExit>;
}

/** Starts model hosts: child processes in production, the same code in this process for tests and demonstrations. */
export interface HostLauncher {
  launch(): HostConnection;
}
