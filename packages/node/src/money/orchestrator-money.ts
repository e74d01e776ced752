import { keySigner } from "@rivulet/crypto";
import type { OrchestratorPayments } from "@rivulet/orchestrator";
import { Recipient, RedemptionQueue, SenderMonitor } from "@rivulet/payments";
import { type Clock, type Logger, type Randomness, type Startable, wei } from "@rivulet/primitives";
import type { Configuration } from "../config/load.ts";
import { LivePrices } from "../pricing/live-prices.ts";
import type { PriceReload } from "../pricing/reload.ts";
import type { ChainParts } from "./on-chain.ts";

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
  const { maxGasPrice } = settings.chain;
  const { clock, randomness, log, reload } = ports;
  const { chain, signatures, store, ledger, key } = parts;
  const { rounds, senders, activity, broker } = chain;
  const asked = new LivePrices(prices.orchestrator, parts.rates);
  reload?.add(({ orchestrator }) => asked.replace(orchestrator));
  const monitor = new SenderMonitor({ senders, rounds });
  const queue = new RedemptionQueue(maxGasPrice === undefined ? {} : { maxGasPrice: wei(maxGasPrice) }, {
    store,
    broker,
    rounds,
    senders,
    activity,
    gas: chain.gasPriceNow,
    monitor,
    clock,
    log,
  });
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
      floats: monitor,
      gasPrice: chain.gasPrice,
      activity,
      recovery: signatures,
      store,
      ledger,
      winners: queue,
      clock,
      randomness,
      log,
    },
  );
  const ends: Startable = {
    start: async () => {},
    stop: async () => {
      asked[Symbol.dispose]();
      monitor[Symbol.dispose]();
    },
  };
  return {
    recipient,
    ledger,
    prices: asked,
    hasFixedPrices: !autoAdjustPrice,
    signer: keySigner(key.bytes()),
    parts: [ends, queue, recipient],
  };
}
