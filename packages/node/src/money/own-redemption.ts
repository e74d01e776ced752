import { type GasLimits, RedemptionQueue, SenderMonitor } from "@rivulet/payments";
import { type Clock, type Logger, type Startable, wei } from "@rivulet/primitives";
import type { Configuration } from "../config/load.ts";
import type { Settings } from "../config/schema.ts";
import type { ChainParts } from "./on-chain.ts";

/** Winners are redeemed by this node. */
export interface OwnRedemption {
  readonly queue: RedemptionQueue;
  readonly monitor: SenderMonitor;
  /** The queue's life, and the monitor's end. */
  readonly parts: readonly Startable[];
}

/** L1 blocks after which no reorganisation takes a redemption back; until then it is looked for again. */
const CONFIRMATIONS = 12n;

export function ownRedemption(
  { settings }: Pick<Configuration, "settings">,
  { chain, store }: ChainParts,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): OwnRedemption {
  const { rounds, senders, activity, broker } = chain;
  const monitor = new SenderMonitor({ senders, rounds });
  const queue = new RedemptionQueue(
    { ...gasLimits(settings), confirmations: CONFIRMATIONS },
    {
      store,
      broker,
      rounds,
      senders,
      activity,
      gas: chain.gasPriceNow,
      monitor,
      clock,
      log,
    },
  );
  const ends: Startable = {
    start: async () => {},
    stop: async () => monitor[Symbol.dispose](),
  };
  return { queue, monitor, parts: [ends, queue] };
}

/** What an operator says gas may cost when winners are redeemed. */
export function gasLimits({ chain: { maxGasPrice, redeemWhenGasBelow } }: Pick<Settings, "chain">): GasLimits {
  return {
    ...(maxGasPrice === undefined ? {} : { maxGasPrice: wei(maxGasPrice) }),
    ...(redeemWhenGasBelow === undefined ? {} : { redeemWhenGasBelow: wei(redeemWhenGasBelow) }),
  };
}
