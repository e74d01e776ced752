import { RivuletError } from "@rivulet/primitives";
import { amountText, readableWei } from "../amounts.ts";
import type { ChainCommand, Outcome } from "../chain-command.ts";

/** Where gateways listen unless told otherwise. */
const GATEWAY = "http://127.0.0.1:9935";

interface Offer {
  readonly orchestrator: string;
  readonly operator: string;
  readonly warm: boolean;
  readonly state: string;
  readonly score: number;
  readonly in_flight: number;
  readonly capacity: number;
  readonly stake: string | null;
  readonly price: string | null;
  readonly fee: string | null;
  readonly chance: number | null;
  readonly ruled_out: { readonly code: string; readonly reason: string } | null;
}

interface Estimate {
  readonly model: string;
  readonly unit: string;
  readonly units: string | null;
  readonly max_price: string | null;
  readonly orchestrators: readonly Offer[];
  /** Addresses that are listed and get no work at all. */
  readonly unused: readonly { readonly uri: string; readonly reason: string }[];
}

/** What a job would cost, and where: asks a gateway that runs. */
export const priceCommand: ChainCommand = {
  name: "price",
  sections: [],
  flags: [
    { flag: "gateway", form: "text", help: `the gateway's address [${GATEWAY}]` },
    { flag: "key", form: "text", help: "a bearer key, for a gateway that wants one" },
    { flag: "request", form: "text", help: "the request as JSON: what an application would send" },
    {
      flag: "explain",
      form: "switch",
      help: "tell of every orchestrator its numbers and what rules it out; a request need not be whole",
    },
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
        const request = context.text("request") ?? "{}";
        const headers = headersWith(context.text("key"));
        return context.has("explain")
          ? explained(pipeline, await ask(gateway, explainPath(pipeline, request), { headers }))
          : told(pipeline, await ask(gateway, estimatePath(pipeline), { method: "POST", headers, body: request }));
      },
    },
  },
};

function estimatePath(pipeline: string): string {
  return `/network/estimate?${new URLSearchParams({ pipeline })}`;
}

/** Without a model the pipeline's own is meant. */
function explainPath(pipeline: string, request: string): string {
  const model = modelIn(request);
  return `/network/explain?${new URLSearchParams({ pipeline, ...(model === undefined ? {} : { model }) })}`;
}

function modelIn(request: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(request);
    const model: unknown = typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, "model_id") : undefined;
    return typeof model === "string" && model !== "" ? model : undefined;
  } catch (cause) {
    const problem = { path: "-request", message: "is not JSON" };
    throw new RivuletError("config.invalid", { problems: [problem] }, { cause });
  }
}

function headersWith(key: string | undefined): Readonly<Record<string, string>> {
  return { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
}

async function ask(gateway: string, path: string, request: RequestInit): Promise<Estimate> {
  const response = await fetch(`${gateway}${path}`, request).catch((cause: unknown) => {
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
    `${pipeline}: ${units ?? "?"} ${unit}s${most === null ? "" : `, at most ${readableWei(most)} each`}`,
    ...(orchestrators.length === 0 ? ["no orchestrator offers it"] : orchestrators.map(offerLine)),
  ];
  return { lines, json: { pipeline, ...estimate } };
}

function explained(pipeline: string, explanation: Estimate): Outcome {
  const { model, unit, max_price: most, orchestrators, unused } = explanation;
  const lines = [
    `${pipeline}, ${model}${most === null ? "" : `: at most ${readableWei(most)} a ${unit}`}`,
    ...(orchestrators.length === 0 ? ["no orchestrator offers it"] : orchestrators.flatMap(numberLines)),
    ...unused.map(({ uri, reason }) => `  ${uri}  gets no work at all: ${reason}`),
  ];
  return { lines, json: { pipeline, ...explanation } };
}

/** An orchestrator, whether it would be chosen, and the numbers that decide it. */
function numberLines(offer: Offer): readonly string[] {
  const { orchestrator, operator, warm, price, stake, score, in_flight: busy, capacity, chance } = offer;
  const { ruled_out: ruledOut, state } = offer;
  const verdict =
    ruledOut !== null
      ? `not now: ${ruledOut.code}, ${ruledOut.reason}`
      : chance === null
        ? state
        : `chosen with ${Math.round(chance * 100)} %`;
  const numbers = [
    price === null ? "no price" : `${readableWei(price)} each`,
    ...(stake === null ? [] : [`stake ${amountText(BigInt(stake), "LPT")}`]),
    score === 0 ? "speed unknown" : `score ${Number(score.toPrecision(3))}`,
    `${busy} of ${capacity} slots taken`,
    warm ? "warm" : "cold",
  ];
  return [`  ${orchestrator}  ${verdict}`, `    ${operator}: ${numbers.join(", ")}`];
}

function offerLine({ orchestrator, price, fee, chance, ruled_out: ruledOut }: Offer): string {
  const cost =
    fee === null ? "nothing is paid" : `${readableWei(fee)}${price === null ? "" : ` (${readableWei(price)} each)`}`;
  const odds = chance === null ? "" : `, chosen with ${Math.round(chance * 100)} %`;
  return `  ${orchestrator}  ${cost}${ruledOut === null ? odds : `, not now: ${ruledOut.code}, ${ruledOut.reason}`}`;
}

function isEstimate(value: unknown): value is Estimate {
  if (typeof value !== "object" || value === null || !("orchestrators" in value) || !("unused" in value)) return false;
  return Array.isArray(value.orchestrators) && Array.isArray(value.unused);
}
