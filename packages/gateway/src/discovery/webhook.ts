import { type Milliseconds, RivuletError, type ServiceUri, seconds } from "@rivulet/primitives";
import type { Dispatcher } from "undici";
import { askUrl } from "../http/ask.ts";
import { readBounded } from "../http/read-bounded.ts";
import { addressOf } from "./address.ts";
import type { DiscoverySource } from "./source.ts";

/** Source: nodes-and-operations 2.2. */
const TIMEOUT: Milliseconds = seconds(3);
/** 100,000 orchestrators with long names. */
const MAX_ANSWER_BYTES = 16 << 20;

/** Where a list is asked for, and what it is asked with. */
export interface ListAddress {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * A list that an address of the operator answers: `GET` gives `[{"address", "score"}]`. Entries that are no addresses are
 * left out; an answer that is no list throws "peer.protocol", an address that does not answer "peer.unreachable".
 */
export function webhookSource(list: ListAddress, ports: { readonly dispatcher: Dispatcher }): DiscoverySource {
  return {
    async list(signal) {
      const text = await get(list, ports.dispatcher, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]));
      return parseList(text).map((uri) => ({ uri }));
    },
  };
}

/** The list of a remote signer. Source: nodes-and-operations 2.10. */
export function listOfSigner({ url, headers }: ListAddress): ListAddress {
  return { url: new URL("discover-orchestrators", url.endsWith("/") ? url : `${url}/`).href, headers };
}

async function get({ url, headers }: ListAddress, dispatcher: Dispatcher, signal: AbortSignal): Promise<string> {
  let answer: Dispatcher.ResponseData;
  try {
    answer = await askUrl(dispatcher, url, { method: "GET", signal, ...(headers && { headers }) });
  } catch (cause) {
    throw new RivuletError("peer.unreachable", { reason: "the discovery webhook did not answer" }, { cause });
  }
  if (answer.statusCode < 200 || answer.statusCode >= 300) {
    await answer.body.dump();
    throw new RivuletError("peer.protocol", { reason: `the discovery webhook answered ${answer.statusCode}` });
  }
  try {
    return (await readBounded(answer.body, MAX_ANSWER_BYTES)).toString("utf8");
  } catch (cause) {
    answer.body.destroy();
    throw new RivuletError("peer.protocol", { reason: "the discovery webhook's answer could not be read" }, { cause });
  }
}

/** The addresses in a webhook's answer. Throws "peer.protocol" when it is no list. */
export function parseList(text: string): readonly ServiceUri[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw new RivuletError("peer.protocol", { reason: "the discovery webhook's answer is not JSON" }, { cause });
  }
  if (!Array.isArray(list))
    throw new RivuletError("peer.protocol", { reason: "the discovery webhook's answer is no list" });
  const found = list.flatMap((entry: unknown) => {
    const address: unknown = typeof entry === "object" && entry !== null ? Reflect.get(entry, "address") : undefined;
    const uri = typeof address === "string" ? addressOf(address) : undefined;
    return uri === undefined ? [] : [uri];
  });
  return [...new Set(found)];
}
