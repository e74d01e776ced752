import type { IncomingHttpHeaders } from "node:http";
import { type Address, checksumAddress, discoveryText, rawSign, recoverSigner, type Signer } from "@rivulet/crypto";
import type { PriceLimits } from "@rivulet/gateway";
import {
  type BillingType,
  billingType,
  decideSigning,
  decodeSignerState,
  encodeSignerState,
  type LedgerStore,
  maxPriceOf,
  type PriceCeiling,
  type Sender,
  type SignerBook,
  type SignerBudget,
  type SignerState,
  type SigningDecision,
  ticketValue,
  withCaller,
} from "@rivulet/payments";
import { batchPipelines } from "@rivulet/pipelines";
import {
  type Clock,
  isError,
  type Logger,
  minutes,
  type Randomness,
  Rational,
  RivuletError,
  randomId,
  shortId,
  wei,
} from "@rivulet/primitives";
import {
  type Capabilities,
  decodeCapabilities,
  decodeOrchestratorInfo,
  encodePayment,
  encodeSegmentCredentials,
  NO_CAPABILITIES,
  type OrchestratorInfo,
  signSegmentCredentials,
  type TicketParams,
} from "@rivulet/wire";
import { z } from "zod";
import type { SignerCaller } from "./callers.ts";

export interface RemoteSignerOptions {
  /** What one caller may have signed; absent: any amount. */
  readonly budget?: SignerBudget | undefined;
}

/** The most a unit may cost: of a model, and of work that names none. */
export interface SignerLimits extends PriceLimits {
  readonly everything: Rational | undefined;
}

export interface RemoteSignerPorts {
  readonly sender: Sender;
  readonly signer: Signer;
  /** The account's key, for states: a copy is wiped by nobody else. */
  readonly key: Uint8Array;
  readonly book: SignerBook;
  readonly ledger: LedgerStore;
  readonly limits: SignerLimits;
  /** Who shows these headers; empty where callers are not told apart by them. Throws what refuses a stranger. */
  readonly admit: (headers: IncomingHttpHeaders) => string;
  /** Asks a webhook whether what leads to `state` may be signed. Absent: whoever is admitted may. */
  readonly ask?:
    | ((headers: IncomingHttpHeaders, state: unknown, type: BillingType) => Promise<SignerCaller>)
    | undefined;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

const base64 = z
  .string()
  .max(1_000_000)
  .transform((text) => Uint8Array.from(Buffer.from(text, "base64")));
const maxPriceText = z.object({
  price: z.union([z.string(), z.number()]).exactOptional(),
  currency: z.string().exactOptional(),
  unit: z.string().exactOptional(),
});

/** Keys in any case, as the published signer reads them. */
const question = z.object({
  state: z.object({ state: base64.default(new Uint8Array()), sig: base64.default(new Uint8Array()) }).nullish(),
  orchestrator: base64.nullish(),
  manifestid: z.string().max(1_000).nullish(),
  app: z.string().max(1_000).nullish(),
  inpixels: z.int().min(0).nullish(),
  type: z.string().nullish(),
  maxprice: maxPriceText.nullish(),
  capabilities: base64.nullish(),
});

export interface SignedPayment {
  readonly payment: string;
  readonly segCreds: string;
  readonly state: { readonly State: string; readonly Sig: string };
  readonly authId: string;
}

const MAX_AUTH_ID = 200;

/** A refusal that tells the caller whose session to begin anew. */
export class RefreshNeeded extends Error {
  readonly serviceUri: string;

  constructor(serviceUri: string) {
    super("refresh session for remote signer");
    this.serviceUri = serviceUri;
  }
}

/** A tenth of a token's thirty minutes: who signs for it now may be too late. Source: payments 6.6. */
const TOKEN_MARGIN = minutes(3);

/**
 * Signs payments for callers without a key. It keeps how far each session got and what each caller spent; all else travels
 * with the caller, signed. Source: payments 17.
 */
export class RemoteSigner {
  readonly #options: RemoteSignerOptions;
  readonly #ports: RemoteSignerPorts;

  constructor(options: RemoteSignerOptions, ports: RemoteSignerPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  get address(): Address {
    return this.#ports.signer.address;
  }

  /** Throws what refuses a stranger. */
  admit(headers: IncomingHttpHeaders): string {
    return this.#ports.admit(headers);
  }

  /** What a gateway shows to orchestrators when it asks about them. */
  signOrchestratorInfo(): { readonly address: string; readonly signature: string } {
    const { signer } = this.#ports;
    return { address: checksumAddress(signer.address), signature: hex(signer.sign(discoveryText(signer.address))) };
  }

  /** Throws "signer.*", `RefreshNeeded`, and what `identify` and the sender throw. */
  async generateLivePayment(body: unknown, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<SignedPayment> {
    const admitted = this.#ports.admit(headers);
    const asked = question.safeParse(lowerCased(body));
    if (!asked.success) throw badRequest(asked.error.issues[0]?.message ?? "not readable");
    const { data } = asked;
    const info = orchestratorIn(data.orchestrator ?? undefined);
    const { price, ticketParams: params, authToken, serviceUri } = info;
    if (price === undefined || price.numerator <= 0n) throw badRequest("missing or zero priceInfo");
    if (params === undefined) throw badRequest("missing ticketParams in OrchestratorInfo");
    if (authToken === undefined) throw badRequest("missing authToken in OrchestratorInfo");
    const type = billingType(data.type ?? "");
    const capabilities = capabilitiesIn(data.capabilities ?? undefined);
    const before = this.#stateIn(data.state ?? undefined);
    const { clock, randomness, book, signer, sender, ledger, log } = this.#ports;
    const now = clock.now();
    const manifestId = data.manifestid ?? (before === undefined ? shortId(randomness) : "");
    const limit = this.#limitFor(capabilities);
    const ceilings: PriceCeiling[] = limit === undefined ? [] : [{ of: "configured maximum price", weiPerUnit: limit }];
    if (data.maxprice != null) ceilings.push({ of: "request maxPrice", weiPerUnit: maxPriceOf(data.maxprice, type) });
    const needsRefresh = authToken.expiresAt - now < TOKEN_MARGIN || (await this.#isExpired(params, signal));
    const decide = (more: readonly PriceCeiling[]) =>
      inCallersWords(serviceUri, () =>
        decideSigning(before, {
          orchestrator: params.recipient,
          pmSessionId: hex(params.recipientRandHash),
          pricePerUnit: price.numerator,
          pixelsPerUnit: price.denominator,
          ticketValue: ticketValue(params),
          needsRefresh,
          manifestId,
          app: data.app ?? "",
          type,
          ...(data.inpixels == null ? {} : { units: BigInt(data.inpixels) }),
          ceilings: [...ceilings, ...more],
          now,
          newStateId: () => randomId(randomness),
        }),
      );
    const first = decide([]);
    const caller = await this.#callerOf(headers, admitted, first.state);
    const decision = caller.ceilings.length === 0 ? first : decide(caller.ceilings);
    const state = withCaller({ ...decision.state, stateId: first.state.stateId }, caller.authId, caller.authExpiry);
    const { tickets, credit, fee } = decision;
    await book.step(
      { stateId: state.stateId, sequence: state.sequence, caller: caller.authId, amount: wei(credit.ceil()), at: now },
      this.#options.budget,
    );
    const account = { side: "payer", peer: params.recipient, id: `signer ${caller.authId}`.trimEnd() } as const;
    const payment = await sender.pay({ params, price, staged: signedFor(account, decision), signal });
    await ledger.apply([{ key: account, debited: fee, touchedAt: now }]);
    const credentials = signSegmentCredentials({ manifestId, capabilities, authToken }, signer);
    const lastNonce = payment.tickets?.signed.at(-1)?.senderNonce ?? state.senderNonce;
    const after = encodeSignerState({ ...state, senderNonce: lastNonce });
    log.info("tickets signed", {
      session: state.stateId,
      sequence: state.sequence,
      caller: caller.authId,
      orchestrator: params.recipient,
      manifestId,
      units: decision.units,
      fee: fee.floor(),
      tickets,
    });
    return {
      payment: encodePayment(payment),
      segCreds: encodeSegmentCredentials(credentials),
      state: { State: toBase64(after), Sig: toBase64(rawSign(this.#ports.key, after)) },
      authId: state.authId,
    };
  }

  /** Who this is, and what the webhook adds. A permission that has not ended is not asked for again. */
  async #callerOf(headers: IncomingHttpHeaders, admitted: string, state: SignerState): Promise<SignerCaller> {
    const { ask, clock } = this.#ports;
    const { authId, authExpiry } = state;
    if (ask === undefined) return { authId: admitted, authExpiry: 0, ceilings: [] };
    if (authExpiry !== 0 && clock.now() <= authExpiry * 1000) return { authId, authExpiry, ceilings: [] };
    const told = await ask(headers, JSON.parse(text(encodeSignerState(state))), state.type);
    if (told.authId !== "") return told;
    return { ...told, authId: admitted === "" ? this.#claimedIn(headers) : admitted };
  }

  /** Who the caller says it is. Worth nothing where each has a budget: it could name another, or a new one each time. */
  #claimedIn(headers: IncomingHttpHeaders): string {
    const shown = headers["signer-auth-id"];
    const isTold = typeof shown === "string" && this.#options.budget === undefined;
    return isTold ? shown.slice(0, MAX_AUTH_ID) : "";
  }

  #stateIn(told: { readonly state: Uint8Array; readonly sig: Uint8Array } | undefined): SignerState | undefined {
    if (told === undefined || told.state.length === 0) return undefined;
    if (recoverSigner(told.state, told.sig) !== this.address)
      throw new RivuletError("signer.state-invalid", { reason: "invalid sig" });
    return decodeSignerState(told.state);
  }

  async #isExpired(params: TicketParams, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#ports.sender.validate(params, 1, signal);
      return false;
    } catch (error) {
      if (isError(error, "payment.params-expired")) return true;
      if (!isError(error)) throw error;
      throw badRequest(`remote signer could not check whether to refresh session: ${error.message}`);
    }
  }

  /**
   * The lowest limit of those that hold for what is named. The caller chooses what it names: one more name may lower the
   * limit and never lifts it, as a sum of them would, or one without a limit.
   */
  #limitFor({ models }: Capabilities): Rational | undefined {
    const { limits } = this.#ports;
    const known = [...models].flatMap(([capability, constraints]) => {
      const pipeline = batchPipelines.find(
        (each) => each.capability.kind === "network" && each.capability.id === capability,
      );
      return pipeline === undefined ? [] : [...constraints.keys()].map((model) => limits.maxPrice(pipeline, model));
    });
    const [lowest] = known.filter((limit) => limit !== undefined).toSorted((a, b) => a.compare(b));
    return lowest ?? limits.everything;
  }
}

/** What the sender needs to know of a payment that a state, and no ledger in this process, keeps the account of. */
function signedFor(
  key: { readonly side: "payer"; readonly peer: Address; readonly id: string },
  { tickets, credit }: SigningDecision,
): Parameters<Sender["pay"]>[0]["staged"] {
  return {
    key,
    tickets,
    newCredit: credit,
    existingCredit: Rational.ZERO,
    booking: { key, credited: credit, tickets: BigInt(tickets) },
    made() {},
    send() {},
    takeBack() {},
    settle: async () => {},
    [Symbol.dispose]() {},
  };
}

function inCallersWords<T>(serviceUri: string, decide: () => T): T {
  try {
    return decide();
  } catch (error) {
    if (isError(error, "signer.session-refresh")) throw new RefreshNeeded(serviceUri);
    throw error;
  }
}

function orchestratorIn(bytes: Uint8Array | undefined): OrchestratorInfo {
  if (bytes === undefined || bytes.length === 0) throw badRequest("missing orchestrator");
  try {
    return decodeOrchestratorInfo(bytes);
  } catch (cause) {
    throw badRequest("the orchestrator's answer cannot be read", cause);
  }
}

function capabilitiesIn(bytes: Uint8Array | undefined): Capabilities {
  if (bytes === undefined || bytes.length === 0) return NO_CAPABILITIES;
  try {
    return decodeCapabilities(bytes);
  } catch (cause) {
    throw badRequest("the capabilities cannot be read", cause);
  }
}

function lowerCased(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name.toLowerCase(), lowerCased(inner)]));
}

function badRequest(reason: string, cause?: unknown): RivuletError<"signer.request-invalid"> {
  return new RivuletError("signer.request-invalid", { reason }, { cause });
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
