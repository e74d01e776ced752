import { keySigner } from "@rivulet/crypto";
import { type GatewayPorts, LocalPayer, RemoteSignerPayer } from "@rivulet/gateway";
import type { Clock } from "@rivulet/primitives";
import type { Configuration } from "../config/load.ts";
import { LiveLimits } from "../pricing/live-limits.ts";
import { ratesOf } from "../pricing/rates.ts";
import type { PriceReload } from "../pricing/reload.ts";
import { headerPairs } from "../signer/header-pairs.ts";
import type { ChainParts } from "./on-chain.ts";
import { senderOf } from "./sender.ts";

export interface GatewayMoneyPorts {
  readonly clock: Clock;
  readonly reload?: PriceReload | undefined;
}

/** What makes a gateway pay; without a chain, only the most it would. Throws "config.invalid" for prices nobody can convert. */
export function gatewayMoney(
  { settings, prices }: Configuration,
  parts: ChainParts | undefined,
  ports: GatewayMoneyPorts,
): Pick<GatewayPorts, "payer" | "limits" | "pool"> {
  const limits = new LiveLimits(prices.gateway, parts?.rates ?? ratesOf(undefined));
  ports.reload?.add(({ gateway }) => limits.replace(gateway));
  const { remoteSigner, remoteSignerHeaders } = settings.gateway;
  if (remoteSigner !== undefined) {
    const options = { url: remoteSigner.href, headers: headerPairs(remoteSignerHeaders) };
    return { limits, payer: new RemoteSignerPayer(options, { clock: ports.clock }) };
  }
  if (parts === undefined) return { limits };
  const { chain, ledger, key } = parts;
  const { clock } = ports;
  const sender = senderOf(settings.gateway, parts, clock);
  const payer = new LocalPayer({
    signer: keySigner(key.bytes()),
    sender,
    ledger,
    rounds: chain.rounds,
    clock,
  });
  return { payer, limits, ...(parts.hasPool ? { pool: chain.pool } : {}) };
}
