/**
 * What stands in `Authorization` between nodes: the version of the protocol, not a credential. Gateways from before it
 * cannot fetch results, so they get images as data inside the answer. Source: wire-protocol 4.2.
 */
export const WORKER_PROTOCOL = "Livepeer-AI-Worker-1.0";

/** Whether a gateway's request gets its images inline instead of as addresses. */
export function wantsInlineImages(authorization: string | undefined): boolean {
  return authorization !== WORKER_PROTOCOL;
}
