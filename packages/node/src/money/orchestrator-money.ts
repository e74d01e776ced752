import { keySigner } from "@rivulet/crypto";
import { type OrchestratorPayments, RemoteRedeemer, type RemoteRedeemerOptions } from "@rivulet/orchestrator";
import { type MaxFloats, Recipient, type WinnerSink } from "@rivulet/payments";
import { type Clock, type Logger, type Randomness, RivuletError, type Startable, wei } from "@rivulet/primitives";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import type { Settings } from "../config/schema.ts";
import { tlsCertificate } from "../config/tls-files.ts";
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
  const remote = remoteRedeemerOf(settings.orchestrator);
  if (remote === undefined) {
    const own = ownRedemption({ settings }, parts, ports);
    return { winners: own.queue, floats: own.monitor, parts: own.parts };
  }
  const redeemer = new RemoteRedeemer(remote, { ...ports, store: parts.store });
  return { winners: redeemer, floats: redeemer, parts: [redeemer] };
}

type RedeemerSettings = Partial<Pick<Settings["orchestrator"], "redeemer" | "redeemerSecret" | "redeemerCertificate">>;

/** The redeemer of a configuration; `undefined` without one. Throws "config.invalid" for a certificate that is none. */
export function remoteRedeemerOf({
  redeemer,
  redeemerSecret,
  redeemerCertificate,
}: RedeemerSettings): RemoteRedeemerOptions | undefined {
  const problems: ConfigProblem[] = [];
  const certificate =
    redeemerCertificate === undefined
      ? undefined
      : tlsCertificate("-redeemerCertificate", redeemerCertificate, problems);
  if (redeemerCertificate !== undefined && redeemer?.startsWith("http://") === true)
    problems.push({
      path: "-redeemerCertificate",
      message: "http:// shows no certificate: give -redeemerAddr as HOST:PORT",
    });
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });
  if (redeemer === undefined) return undefined;
  return {
    url: /^https?:\/\//.test(redeemer) ? redeemer : `https://${redeemer}`,
    ...(redeemerSecret === undefined ? {} : { secret: redeemerSecret.reveal() }),
    ...(certificate === undefined ? {} : { certificate }),
  };
}
