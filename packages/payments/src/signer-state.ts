import { type Address, address } from "@rivulet/crypto";
import { type Milliseconds, ms, Rational, RivuletError } from "@rivulet/primitives";

/** What a session with a remote signer is billed by; empty when its caller counts the units. */
export const billingTypes = ["live", "lv2v", "fixed", ""] as const;
export type BillingType = (typeof billingTypes)[number];

/**
 * What a remote signer knows of a session. It keeps none of it: its caller does, in bytes that the signer has signed.
 * Source: payments 17.2.
 */
export interface SignerState {
  readonly stateId: string;
  /** `0x` and the hex of the parameters' commitment that `senderNonce` belongs to. */
  readonly pmSessionId: string;
  /** Wall time up to which is billed. */
  readonly lastUpdate: Milliseconds;
  readonly orchestrator: Address;
  readonly app: string;
  /** Unix seconds until which the caller needs no new permission; 0 for never. */
  readonly authExpiry: number;
  /** The last nonce that was used. */
  readonly senderNonce: number;
  /** Credit at the orchestrator. May be below zero. */
  readonly balance: Rational;
  /** Wei for a unit, as numerator and denominator, when the session began. It is charged throughout. */
  readonly initialPricePerUnit: bigint;
  readonly initialPixelsPerUnit: bigint;
  readonly type: BillingType;
  /** Counts the calls, from 0. */
  readonly sequence: number;
  /** Who calls; empty while nobody said. */
  readonly authId: string;
}

/** A state is some 500 bytes; its longest texts are bounded by this. */
export const MAX_STATE_BYTES = 16_384;

/** The bytes that are signed: JSON with these names in this order, as other signers write it. */
export function encodeSignerState(state: SignerState): Uint8Array {
  const fields = [
    ["StateID", state.stateId],
    ["PMSessionID", state.pmSessionId],
    ["LastUpdate", rfc3339(state.lastUpdate)],
    ["OrchestratorAddress", state.orchestrator],
    ["App", state.app],
    ["AuthExpiry", state.authExpiry],
    ["SenderNonce", state.senderNonce],
    ["Balance", state.balance.toString()],
    ["InitialPricePerUnit", state.initialPricePerUnit],
    ["InitialPixelsPerUnit", state.initialPixelsPerUnit],
    ["Type", state.type],
    ["SequenceNumber", state.sequence],
    ["AuthID", state.authId],
  ] as const;
  const json = fields.map(([name, value]) => `"${name}":${typeof value === "bigint" ? value : JSON.stringify(value)}`);
  return Buffer.from(`{${json.join(",")}}`, "utf8");
}

/** Reads what `encodeSignerState` wrote, once its signature was checked. Throws "signer.state-invalid". */
export function decodeSignerState(bytes: Uint8Array): SignerState {
  if (bytes.length > MAX_STATE_BYTES) throw invalid(`it has more than ${MAX_STATE_BYTES} bytes`);
  const fields = parsed(bytes);
  const text = (name: string) => checked(fields, name, (value) => typeof value === "string");
  const whole = (name: string) =>
    Number(checked(fields, name, (value) => Number.isSafeInteger(value) && Number(value) >= 0));
  try {
    return {
      stateId: text("StateID"),
      pmSessionId: text("PMSessionID"),
      lastUpdate: ms(Date.parse(text("LastUpdate"))),
      orchestrator: address(text("OrchestratorAddress")),
      app: text("App"),
      authExpiry: whole("AuthExpiry"),
      senderNonce: whole("SenderNonce"),
      balance: Rational.parse(text("Balance")),
      initialPricePerUnit: BigInt(whole("InitialPricePerUnit")),
      initialPixelsPerUnit: BigInt(whole("InitialPixelsPerUnit")),
      type: billingType(text("Type")),
      sequence: whole("SequenceNumber"),
      authId: text("AuthID"),
    };
  } catch (cause) {
    if (cause instanceof RivuletError) throw cause;
    throw new RivuletError("signer.state-invalid", { reason: "one of its values has the wrong form" }, { cause });
  }
}

/** Throws "signer.request-invalid" for a type that is not one. */
export function billingType(text: string): BillingType {
  const found = billingTypes.find((type) => type === text);
  if (found === undefined) throw new RivuletError("signer.request-invalid", { reason: "invalid job type" });
  return found;
}

function parsed(bytes: Uint8Array): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new RivuletError("signer.state-invalid", { reason: "it is not JSON" }, { cause });
  }
  if (typeof value !== "object" || value === null) throw invalid("it is not an object");
  return value;
}

function checked(fields: object, name: string, isGood: (value: unknown) => boolean): string {
  const value: unknown = Reflect.get(fields, name);
  if (!isGood(value)) throw invalid(`${name} is missing or wrong`);
  return String(value);
}

/** Nanoseconds are trimmed, down to whole seconds where there are none. */
function rfc3339(time: Milliseconds): string {
  return new Date(time).toISOString().replace(/\.?0+Z$/, "Z");
}

function invalid(reason: string): RivuletError {
  return new RivuletError("signer.state-invalid", { reason });
}
