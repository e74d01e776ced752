import { RivuletError } from "@rivulet/primitives";
import { amountText } from "../amounts.ts";
import type { ChainCommand, Outcome } from "../chain-command.ts";

/** Where gateways listen unless told otherwise. */
const GATEWAY = "http://127.0.0.1:9935";

interface Offer {
  readonly orchestrator: string;
  readonly price: string | null;
  readonly fee: string | null;
  readonly chance: number | null;
  readonly ruled_out: { readonly code: string; readonly reason: string } | null;
}

interface Estimate {
  readonly unit: string;
  readonly units: string | null;
  readonly max_price: string | null;
  readonly orchestrators: readonly Offer[];
}

/** What a job would cost, and where: asks a gateway that runs. */
export const priceCommand: ChainCommand = {
  name: "price",
  sections: [],
  flags: [
    { flag: "gateway", form: "text", help: `the gateway's address [${GATEWAY}]` },
    { flag: "key", form: "text", help: "a bearer key, for a gateway that wants one" },
    { flag: "request", form: "text", help: "the request as JSON: what an application would send" },
  ],
  forms: {
    "": {
      usage: "PIPELINE",
      about: "tells what a job would cost at each orchestrator, which of them could get it, and why not the others",
      async run([pipeline], context) {
        if (pipeline === undefined)
          throw new RivuletError("config.invalid", {
            problems: [{ path: "price", message: "say of which pipeline: rivulet price text-to-image" }],
          });
        const gateway = context.text("gateway") ?? GATEWAY;
        const estimate = await ask(gateway, pipeline, context.text("request") ?? "{}", context.text("key"));
        return told(pipeline, estimate);
      },
    },
  },
};

async function ask(gateway: string, pipeline: string, body: string, key: string | undefined): Promise<Estimate> {
  const url = `${gateway}/network/estimate?pipeline=${encodeURIComponent(pipeline)}`;
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body,
  }).catch((cause: unknown) => {
    throw new RivuletError("peer.unreachable", { reason: `no gateway answers at ${gateway}` }, { cause });
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && isEstimate(answer)) return answer;
  const reason = `the gateway answered ${response.status}: ${JSON.stringify(answer ?? "").slice(0, 500)}`;
  throw new RivuletError("peer.failed", { reason });
}

function told(pipeline: string, estimate: Estimate): Outcome {
  const { unit, units, max_price: most, orchestrators } = estimate;
  const lines = [
    `${pipeline}: ${units ?? "?"} ${unit}s${most === null ? "" : `, at most ${most} wei each`}`,
    ...(orchestrators.length === 0 ? ["no orchestrator offers it"] : orchestrators.map(offerLine)),
  ];
  return { lines, json: { pipeline, ...estimate } };
}

function offerLine({ orchestrator, price, fee, chance, ruled_out: ruledOut }: Offer): string {
  const cost = fee === null ? "nothing is paid" : `${amountText(BigInt(fee), "ETH")} (${price} wei each)`;
  const odds = chance === null ? "" : `, chosen with ${Math.round(chance * 100)} %`;
  return `  ${orchestrator}  ${cost}${ruledOut === null ? odds : `, not now: ${ruledOut.code}, ${ruledOut.reason}`}`;
}

function isEstimate(value: unknown): value is Estimate {
  return typeof value === "object" && value !== null && "orchestrators" in value && Array.isArray(value.orchestrators);
}
