import { DatabaseSync } from "node:sqlite";
import { storeError } from "./sqlite-errors.ts";

/**
 * Makes this process the one that uses `file`, until it is disposed of or the process ends, however it ends.
 *
 * Node.js has no file locks, but SQLite does: an empty database beside the file is held in a transaction that excludes all
 * others. A lock on the file itself would keep out the thread that makes checkpoints, too.
 *
 * Throws "store.locked" when somebody else has it.
 */
export function ownFile(file: string): Disposable {
  const lock = new DatabaseSync(`${file}.lock`, { timeout: 0 });
  try {
    lock.exec("begin exclusive");
  } catch (cause) {
    lock.close();
    throw storeError(cause, file);
  }
  return {
    [Symbol.dispose]: () => {
      if (lock.isOpen) lock.close();
    },
  };
}
