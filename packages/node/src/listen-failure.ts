import { isError, RivuletError } from "@rivulet/primitives";

/** What an operator can do about an address that cannot be listened on. */
const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there: stop it, or choose another address with -httpAddr",
  EACCES: "this user may not listen there: choose a port above 1023 with -httpAddr",
  EADDRNOTAVAIL: "the address is not one of this machine: choose another with -httpAddr",
};

/** The same failure with what to do about it, when it is one of listening. */
export function withAdvice(error: unknown): unknown {
  if (!isError(error, "node.cannot-start")) return error;
  const { cause } = error;
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const what = advice[code];
  if (what === undefined) return error;
  return new RivuletError("node.cannot-start", { reason: `${error.facts.reason ?? code}: ${what}` }, { cause });
}
