import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { parseKeys } from "@rivulet/gateway";
import { type BillingType, maxPriceOf, type PriceCeiling } from "@rivulet/payments";
import { RivuletError, seconds } from "@rivulet/primitives";
import { z } from "zod";

/** Who calls, as far as that is known before anything is signed. */
export interface SignerCaller {
  /** Empty where callers are not told apart. */
  readonly authId: string;
  /** Unix seconds until which nobody has to be asked again; 0 for never. */
  readonly authExpiry: number;
  readonly ceilings: readonly PriceCeiling[];
}

/** An answer of the signer that is an error by its own status, which a webhook may choose. */
export class SignerRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The callers of a file of bearer keys: `NAME KEY` a line. */
export function callersByKey(text: string, path: string): (headers: IncomingHttpHeaders) => string {
  const keys = parseKeys(text, path);
  return ({ authorization = "" }) => {
    const presented = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
    const hash = createHash("sha256").update(presented).digest();
    let caller: string | undefined;
    for (const key of keys) if (timingSafeEqual(key.hash, hash)) caller = key.name;
    if (caller === undefined) throw new SignerRefusal(401, "a bearer key is needed");
    return caller;
  };
}

const verdict = z.object({
  status: z.int().min(1),
  reason: z.string().default(""),
  expiry: z.int().min(0).default(0),
  auth_id: z.string().max(200).default(""),
  maxPrice: z
    .object({
      price: z.union([z.string(), z.number()]).optional(),
      currency: z.string().optional(),
      unit: z.string().optional(),
    })
    .optional(),
});

const TIMEOUT = seconds(5);
const MAX_ANSWER = 64 * 1024;

export interface WebhookOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Asks a webhook whether a call may be signed. Source: payments 17.3. */
export async function askWebhook(
  { url, headers }: WebhookOptions,
  incoming: IncomingHttpHeaders,
  state: unknown,
  type: BillingType,
): Promise<SignerCaller> {
  const told = Object.fromEntries(
    Object.entries(incoming).map(([name, value]) => [name, typeof value === "string" ? [value] : (value ?? [])]),
  );
  const answer = await fetch(url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ headers: told, state }),
    signal: AbortSignal.timeout(TIMEOUT),
    redirect: "error",
  }).catch((cause: unknown) => {
    throw new RivuletError("auth.unavailable", {}, { cause });
  });
  const text = await answer.text();
  const parsed = verdict.safeParse(answer.status === 200 && text.length <= MAX_ANSWER ? parseJson(text) : undefined);
  if (!parsed.success) throw new SignerRefusal(500, "the auth webhook did not answer as it should");
  const { status, reason, expiry, auth_id: authId, maxPrice } = parsed.data;
  if (status !== 200)
    throw new SignerRefusal(status, reason === "" ? `signer auth rejected request with status ${status}` : reason);
  return { authId, authExpiry: expiry, ceilings: maxPrice === undefined ? [] : [ceiling(maxPrice, type)] };
}

function ceiling(maxPrice: NonNullable<z.output<typeof verdict>["maxPrice"]>, type: BillingType): PriceCeiling {
  const { price, currency, unit } = maxPrice;
  try {
    const told = {
      ...(price === undefined ? {} : { price }),
      ...(currency === undefined ? {} : { currency }),
      ...(unit === undefined ? {} : { unit }),
    };
    return { of: "auth webhook maxPrice", weiPerUnit: maxPriceOf(told, type) };
  } catch (error) {
    throw new SignerRefusal(502, `signer auth invalid maxPrice: ${error instanceof Error ? error.message : ""}`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
