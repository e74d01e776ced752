import { Sender } from "@rivulet/payments";
import { type Clock, wei } from "@rivulet/primitives";
import type { GatewaySettings } from "../config/schema.ts";
import type { ChainParts } from "./on-chain.ts";

/** The account of a node as one that pays with tickets, within the limits of its configuration. */
export function senderOf(
  limits: Pick<GatewaySettings, "maxTicketValue" | "maxPaymentValue" | "depositMultiplier">,
  { chain, signatures, store, key }: ChainParts,
  clock: Clock,
): Sender {
  const { rounds, senders } = chain;
  return new Sender(
    {
      maxTicketValue: wei(limits.maxTicketValue),
      maxTotalValue: wei(limits.maxPaymentValue),
      depositMultiplier: BigInt(limits.depositMultiplier),
    },
    { rounds, senders, signer: signatures.signer(key.bytes()), store, clock },
  );
}
