import type { ChainAccess, ChainAccessPorts } from "../account/chain-access.ts";
import { noRates, type Rates } from "../pricing/rates.ts";

/** What currencies are worth, from the price feed of the chain. */
export interface OpenRates extends Rates {
  stop(): Promise<void>;
}

/** Follows the price feed when prices are in any of these currencies. */
export async function openRates(
  _currencies: ReadonlySet<string>,
  _access: ChainAccess,
  _ports: ChainAccessPorts,
): Promise<OpenRates> {
  return { ...noRates, stop: async () => {} };
}
