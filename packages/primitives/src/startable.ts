/**
 * A thing with a life: it holds a timer, a socket or a process.
 *
 * `start` resolves when the thing is usable and may be called once. `stop` may be called at any time, more than once,
 * also while `start` is under way; it resolves when nothing of the thing is left.
 */
export interface Startable {
  start(): Promise<void>;
  stop(): Promise<void>;
}
