import { accessSync, constants, mkdirSync } from "node:fs";
import { RivuletError } from "@rivulet/primitives";
import { reasonOf } from "./config/secrets.ts";

/** What an operator can do about a directory that cannot be used. */
const advice: Readonly<Record<string, string>> = {
  EEXIST: "it is a file: name another directory with -dataDir",
  ENOTDIR: "a part of its path is a file: name another directory with -dataDir",
  EACCES: "it may not be written: change its owner or name another with -dataDir",
  EROFS: "it is on a read-only file system: name another with -dataDir",
  ENOSPC: "its disk is full: make room or name another with -dataDir",
};

/** Makes sure that a node's data directory is there and can be written. Throws `node.cannot-start` with what to do. */
export function provideDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.W_OK);
  } catch (cause) {
    const code = reasonOf(cause);
    throw new RivuletError(
      "node.cannot-start",
      { reason: `the data directory ${directory}: ${advice[code] ?? code}` },
      { cause },
    );
  }
}
