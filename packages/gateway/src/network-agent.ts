import type { LookupFunction } from "node:net";
import { seconds } from "@rivulet/primitives";
import { Agent } from "undici";
import { publicLookup } from "./discovery/public-place.ts";
import type { GatewayOptions } from "./options.ts";

/** Connections to one orchestrator: far above its slots, far below what a process may open. */
const MAX_CONNECTIONS = 256;
/** Sources: wire-protocol 1.4. */
const TIMEOUT_CONNECT = seconds(2);
export const TIMEOUT_IDLE = seconds(60);

/** Where only a chain names places, names that stand for private ones are not followed; those of our own settings are. */
export function lookupOf({ publicOnly, orchestrators, auth }: GatewayOptions): LookupFunction | undefined {
  if (publicOnly !== true || orchestrators.kind !== "pool") return undefined;
  return publicLookup(new Set(auth?.kind === "webhook" ? [new URL(auth.url).hostname] : []));
}

/** HTTP/1.1 over kept connections, certificates not verified, as between all nodes. Source: wire-protocol 1.2. */
export function networkAgent(lookup: LookupFunction | undefined): Agent {
  return new Agent({
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: TIMEOUT_IDLE,
    connect: { rejectUnauthorized: false, timeout: TIMEOUT_CONNECT, ...(lookup && { lookup }) },
  });
}
