import { RivuletError } from "@rivulet/primitives";

/** The part of an error of `node:sqlite` that is read. */
export interface SqliteError extends Error {
  readonly code: "ERR_SQLITE_ERROR";
  /** SQLite's extended result code. */
  readonly errcode: number;
}

/** Primary result codes. Source: https://www.sqlite.org/rescode.html */
const BUSY = 5;
const LOCKED = 6;
const READ_ONLY = 8;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR" && "errcode" in error;
}

/** Whether a statement broke a rule of its table: our bug, which leaves the database and other statements as they are. */
export function isConstraint(error: unknown): boolean {
  return isSqliteError(error) && primary(error) === CONSTRAINT;
}

/** An error of the database in the form that says what to do. What is not the database's comes back unchanged. */
export function storeError(cause: unknown, file: string): unknown {
  if (!isSqliteError(cause)) return cause;
  switch (primary(cause)) {
    case BUSY:
    case LOCKED:
      return lockedError(file, cause);
    case CORRUPT:
    case NOT_A_DATABASE:
      return corruptError(file, cause.message, cause);
    case FULL:
      return new RivuletError("store.full", { reason: fullAdvice(file) }, { cause });
    case READ_ONLY:
    case CANNOT_OPEN:
      return unusable(file, "change its owner or mode", cause);
    case IO_ERROR:
      return unusable(file, "look at the disk and its free space", cause);
    default:
      return unusable(file, "nothing of it was written", cause);
  }
}

export function lockedError(file: string, cause?: unknown): RivuletError<"store.locked"> {
  const advice = `another process uses ${file}: stop it, or name another directory with -dataDir`;
  return new RivuletError("store.locked", { reason: advice }, { cause });
}

export function corruptError(file: string, what: string, cause?: unknown): RivuletError<"store.corrupt"> {
  const advice = `${file}: ${what}. Restore it with its -wal file from a copy, or save what can be read with "sqlite3 ${file} .recover", or move it away and begin anew, which gives up winners that are not redeemed yet`;
  return new RivuletError("store.corrupt", { reason: advice }, { cause });
}

function fullAdvice(file: string): string {
  return `${file} cannot grow: make room on its disk. What was acknowledged before is kept`;
}

function unusable(file: string, advice: string, cause: SqliteError): RivuletError<"store.unusable"> {
  return new RivuletError("store.unusable", { reason: `${file}: ${cause.message}: ${advice}` }, { cause });
}

function primary(error: SqliteError): number {
  return error.errcode & 0xff;
}
