import { setImmediate as eventLoopTurn } from "node:timers/promises";

/** Lets messages arrive, an abort among them, before the next thing that blocks. Throws the signal's reason. */
export async function turn(signal: AbortSignal): Promise<void> {
  await eventLoopTurn();
  signal.throwIfAborted();
}
