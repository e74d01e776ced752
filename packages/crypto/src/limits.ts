/** Signatures that wait for a thread, all calls together: a second or two of one processor. More is refused. */
export const MAX_SIGNATURES_WAITING = 20_000;
