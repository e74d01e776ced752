import { keySigner } from "@rivulet/crypto";
import { type OrchestratorPayments, RemoteRedeemer } from "@rivulet/orchestrator";
import { type MaxFloats, Recipient, type WinnerSink } from "@rivulet/payments";
import { type Clock, type Logger, type Randomness, type Startable, wei } from "@rivulet/primitives";
import type { Configuration } from "../config/load.ts";
import { LivePrices } from "../pricing/live-prices.ts";
import type { PriceReload } from "../pricing/reload.ts";
import type { ChainParts } from "./on-chain.ts";
import { ownRedemption } from "./own-redemption.ts";

export interface MoneyPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  readonly reload?: PriceReload | undefined;
}

/** What makes an orchestrator work for money. Throws "config.invalid" for prices that nobody can convert. */
export function orchestratorMoney(
  { settings, prices }: Configuration,
  parts: ChainParts,
  ports: MoneyPorts,
): OrchestratorPayments {
  const { ticketValue, maxFaceValue, autoAdjustPrice } = settings.orchestrator;
  const { clock, randomness, log, reload } = ports;
  const { chain, signatures, store, ledger, key } = parts;
  const { rounds, senders, activity, broker } = chain;
  const asked = new LivePrices(prices.orchestrator, parts.rates);
  reload?.add(({ orchestrator }) => asked.replace(orchestrator));
  const redemption = redemptionFor(settings, parts, ports);
  const recipient = new Recipient(
    {
      address: parts.operator,
      ticketValue: wei(ticketValue),
      maxFaceValue: wei(maxFaceValue ?? 0n),
      redemptionGas: broker.redemptionGas(1),
    },
    {
      rounds,
      senders,
      floats: redemption.floats,
      gasPrice: chain.gasPrice,
      activity,
      recovery: signatures,
      store,
      ledger,
      winners: redemption.winners,
      clock,
      randomness,
      log,
    },
  );
  const ends: Startable = {
    start: async () => {},
    stop: async () => asked[Symbol.dispose](),
  };
  return {
    recipient,
    ledger,
    prices: asked,
    hasFixedPrices: !autoAdjustPrice,
    signer: keySigner(key.bytes()),
    parts: [ends, ...redemption.parts, recipient],
  };
}

interface Redemption {
  readonly winners: WinnerSink;
  readonly floats: MaxFloats;
  readonly parts: readonly Startable[];
}

/** By this node itself, or by a redeemer that is shared with others. */
function redemptionFor(settings: Configuration["settings"], parts: ChainParts, ports: MoneyPorts): Redemption {
  const { redeemer, redeemerSecret } = settings.orchestrator;
  if (redeemer === undefined) {
    const own = ownRedemption({ settings }, parts, ports);
    return { winners: own.queue, floats: own.monitor, parts: own.parts };
  }
  const url = /^https?:\/\//.test(redeemer) ? redeemer : `https://${redeemer}`;
  const secret = redeemerSecret === undefined ? {} : { secret: redeemerSecret.reveal() };
  const remote = new RemoteRedeemer({ url, ...secret }, { ...ports, store: parts.store });
  return { winners: remote, floats: remote, parts: [remote] };
}
