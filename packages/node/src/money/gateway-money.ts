import { keySigner } from "@rivulet/crypto";
import { type GatewayPorts, LocalPayer } from "@rivulet/gateway";
import { Sender } from "@rivulet/payments";
import { type Clock, wei } from "@rivulet/primitives";
import type { Configuration } from "../config/load.ts";
import { LiveLimits } from "../pricing/live-limits.ts";
import { ratesOf } from "../pricing/rates.ts";
import type { PriceReload } from "../pricing/reload.ts";
import type { ChainParts } from "./on-chain.ts";

export interface GatewayMoneyPorts {
  readonly clock: Clock;
  readonly version: string;
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
  if (parts === undefined) return { limits };
  const { maxTicketValue, maxPaymentValue, depositMultiplier } = settings.gateway;
  const { chain, signatures, store, ledger, key } = parts;
  const { clock, version } = ports;
  const { rounds, senders } = chain;
  const sender = new Sender(
    {
      maxTicketValue: wei(maxTicketValue),
      maxTotalValue: wei(maxPaymentValue),
      depositMultiplier: BigInt(depositMultiplier),
    },
    { rounds, senders, signer: signatures.signer(key.bytes()), store, clock },
  );
  const payer = new LocalPayer({ signer: keySigner(key.bytes()), sender, ledger, rounds, clock, version });
  return { payer, limits, ...(parts.hasPool ? { pool: chain.pool } : {}) };
}
