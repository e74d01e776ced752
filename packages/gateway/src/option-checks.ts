import { type Address, address } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import type { GatewayOptions } from "./options.ts";

/** Refuses a gateway that strangers could reach and use, unless that is what was asked for by name. */
export function checkReach({ listen, auth, allowUnauthenticated }: GatewayOptions): void {
  if (auth !== undefined || allowUnauthenticated === true || isLoopback(listen.host)) return;
  const message = `${listen.host} can be reached by others: give keys or an auth webhook, or allow unauthenticated use by name`;
  throw new RivuletError("config.invalid", { problems: [{ path: "gateway.listen", message }] });
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Throws "config.invalid" for what is no address. */
export function blockedIn(texts: readonly string[]): ReadonlySet<Address> {
  return new Set(
    texts.map((text, index) => {
      try {
        return address(text.startsWith("0x") ? text : `0x${text}`);
      } catch (cause) {
        const problem = { path: `gateway.blocked.${index}`, message: `not an address: ${text}` };
        throw new RivuletError("config.invalid", { problems: [problem] }, { cause });
      }
    }),
  );
}
