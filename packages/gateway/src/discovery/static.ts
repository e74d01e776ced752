import { RivuletError, type ServiceUri } from "@rivulet/primitives";
import { addressOf } from "./address.ts";
import type { DiscoverySource } from "./source.ts";

/** A list that was written down. Throws "config.invalid" naming the entries that are no addresses. */
export function staticSource(addresses: readonly string[]): DiscoverySource {
  const found: ServiceUri[] = [];
  const problems = addresses.flatMap((text, index) => {
    const uri = addressOf(text);
    if (uri === undefined) return [{ path: `gateway.orchestrators.${index}`, message: `not an address: ${text}` }];
    found.push(uri);
    return [];
  });
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });
  const list = [...new Set(found)].map((uri) => ({ uri }));
  return { list: async () => list };
}
