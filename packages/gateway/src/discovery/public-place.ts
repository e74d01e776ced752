import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import type { ServiceUri } from "@rivulet/primitives";

/** Whatever is on no public network: this machine, its neighbours, and addresses that stand for none. Source: RFC 6890. */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // The metadata of cloud machines, too.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const)
  NOT_PUBLIC.addSubnet(network, prefix);
for (const [network, prefix] of [
  ["::", 127],
  // Ways to write an address of the fourth version.
  ["64:ff9b::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 9],
  ["ff00::", 8],
] as const)
  NOT_PUBLIC.addSubnet(network, prefix, "ipv6");

/** Names that only a machine or its own network knows. A name without a dot is one, too. */
const OWN_NAMES = /(?:^|\.)(?:localhost|local|internal|lan|home\.arpa)$/;

/** Whether an IP address is on the public internet. */
export function isPublicAddress(address: string): boolean {
  return !NOT_PUBLIC.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** Whether a place may be on the public internet, as far as that can be told from how it is written. */
export function isPublicPlace(uri: ServiceUri): boolean {
  const host = new URL(uri).hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (isIP(host) !== 0) return isPublicAddress(host);
  return host.includes(".") && !OWN_NAMES.test(host);
}

/** Looks names up for connections, and finds only public addresses, save for names of one's own. */
export function publicLookup(own: ReadonlySet<string>): LookupFunction {
  return (name, options, callback) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const usable = own.has(name) ? found : found.filter(({ address }) => isPublicAddress(address));
      const [first] = usable;
      if (first === undefined) callback(new Error(`${name} is not on the public internet`), []);
      else if (options.all === true) callback(null, usable);
      else callback(null, first.address, first.family);
    });
}
