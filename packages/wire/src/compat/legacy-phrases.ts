import { codeOf, type ErrorCode, type ErrorFacts, errorKinds, isError, RivuletError } from "@rivulet/primitives";
import { toldText } from "../told-text.ts";

/** How the network says an error in plain words, and knows it again. */
interface Phrase {
  readonly code: ErrorCode;
  /** What the body says. Known again in any letter case, anywhere in a body. */
  readonly text: string;
  /** Whether gateways of the older software leave the peer alone for a while after it. */
  readonly isPeersFault: boolean;
}

/**
 * Gateways of the older implementation decide by phrases in the body; ours read the code beside it. Of several phrases for
 * one code the first is what we say; of several in one body the first is what it tells.
 * Sources: wire-protocol 4.4, 4.6, 4.8, 5.5, 5.6. Witness: vectors/wire/v28-error-classification.json.
 */
const phrases: readonly Phrase[] = [
  // Before the phrase it contains, which makes gateways ask for the price anew and come back.
  { code: "payment.price-too-low", text: "expected price too low: TicketParams expired", isPeersFault: false },
  { code: "payment.params-expired", text: "TicketParams expired", isPeersFault: false },
  // Not the peer's fault for us: it has started anew, and fresh parameters settle it.
  {
    code: "payment.params-unknown",
    text: "invalid recipientRand for ticket recipientRandHash",
    isPeersFault: false,
  },
  { code: "payment.insufficient-balance", text: "Insufficient balance", isPeersFault: true },
  {
    code: "payment.nonces-exhausted",
    text: "invalid ticket senderNonce: too many values",
    isPeersFault: false,
  },
  { code: "payment.nonce-reused", text: "invalid ticket senderNonce: already seen", isPeersFault: false },
  { code: "payment.nonce-reused", text: "invalid ticket senderNonce", isPeersFault: false },
  { code: "payment.ticket-invalid", text: "invalid ticket", isPeersFault: true },
  { code: "payment.sender-missing", text: "Could not find Sender for payment", isPeersFault: true },
  { code: "payment.sender-unreadable", text: "could not get sender info", isPeersFault: true },
  { code: "payment.sender-unlocking", text: "deposit and reserve is set to unlock soon", isPeersFault: true },
  { code: "payment.sender-unlocking", text: "is set to unlock soon", isPeersFault: true },
  { code: "payment.reserve-insufficient", text: "insufficient sender reserve", isPeersFault: true },
  { code: "payment.sender-unfunded", text: "no sender reserve", isPeersFault: true },
  { code: "payment.sender-unfunded", text: "no sender deposit", isPeersFault: true },
  { code: "payment.recipient-inactive", text: "is inactive in round", isPeersFault: true },
  { code: "payment.recipient-inactive", text: "cannot process payments", isPeersFault: true },
  {
    code: "payment.price-missing",
    text: 'invalid expected price sent with payment err="expected price is nil"',
    isPeersFault: true,
  },
  { code: "payment.malformed", text: "protobuf unmarshal error", isPeersFault: true },
  { code: "payment.malformed", text: "base64 decode error", isPeersFault: true },
  { code: "payment.malformed", text: "invalid expected price sent with payment", isPeersFault: true },
  { code: "capacity.exhausted", text: "insufficient capacity", isPeersFault: false },
  { code: "credentials.malformed", text: "ErrorSegEncoding", isPeersFault: true },
  { code: "credentials.bad-signature", text: "ErrSegSig", isPeersFault: true },
  { code: "credentials.incompatible", text: "incompatible capabilities", isPeersFault: true },
  { code: "credentials.token-missing", text: "missing auth token", isPeersFault: true },
  // Not the peer's fault for us: it has started anew, or we were slow. A fresh session settles it.
  { code: "credentials.token-invalid", text: "invalid auth token", isPeersFault: false },
  { code: "credentials.token-expired", text: "expired auth token", isPeersFault: false },
  { code: "worker.none-available", text: "no workers can process job requested", isPeersFault: true },
  { code: "worker.none-available", text: "no workers available", isPeersFault: true },
  { code: "worker.lost", text: "Remote worker took too long", isPeersFault: true },
  { code: "worker.secret-rejected", text: "invalid secret", isPeersFault: true },
];
const known = phrases.map((phrase) => ({ ...phrase, low: phrase.text.toLowerCase() }));
const saidFor: ReadonlyMap<ErrorCode, string> = new Map([
  ["auth.rejected", "Unauthorized"],
  // So that gateways go elsewhere and come back.
  ["node.overloaded", "insufficient capacity"],
  ...phrases.toReversed().map(({ code, text }) => [code, text] as const),
]);

/** Stands before what a runner said about the application's request; only it makes an older gateway tell the application. */
const RETURNED_400 = "returned 400";

/** How much of a peer's words is kept. */
const MAX_REASON_LENGTH = 1000;

/** What a peer told in words. */
export interface PeerError {
  readonly error: RivuletError;
  /** Whether the peer deserves to be left alone for a while. */
  readonly isPeersFault: boolean;
}

/** The text that goes into an error's plain body. Errors that are not ours keep theirs to themselves. */
export function legacyPhraseOf(error: unknown): string {
  const ours = error instanceof RivuletError ? error : new RivuletError("internal", {});
  const code = codeOf(ours);
  const said = saidFor.get(code);
  if (said !== undefined) return phrasedReasonOf(ours) ?? said;
  return toldText(
    isApplicationsFault(code) ? `container ${RETURNED_400}: ${reasonOf(ours)}` : ours.message,
    MAX_REASON_LENGTH,
  );
}

/** The error that a peer's plain body tells. Words that nobody knows are "peer.failed". Source: wire-protocol 4.8. */
export function readLegacyPhrase(body: string, job: { readonly pipeline: string; readonly model: string }): PeerError {
  const text = toldText(body, MAX_REASON_LENGTH);
  const low = text.toLowerCase();
  const phrase = known.find((candidate) => low.includes(candidate.low));
  if (phrase !== undefined) return { error: told(phrase.code, text, job), isPeersFault: phrase.isPeersFault };
  const at = low.indexOf(RETURNED_400);
  if (at >= 0) {
    const said = text.slice(at + RETURNED_400.length).replace(/^[:\s]+/, "");
    return { error: new RivuletError("request.rejected-by-model", rejectionIn(said)), isPeersFault: false };
  }
  return { error: new RivuletError("peer.failed", { reason: text }), isPeersFault: true };
}

function told(
  code: ErrorCode,
  reason: string,
  job: { readonly pipeline: string; readonly model: string },
): RivuletError {
  return code === "capacity.exhausted"
    ? new RivuletError("capacity.exhausted", { pipeline: job.pipeline, model: job.model })
    : new RivuletError(code, { reason });
}

/** The reason of a refused payment, where it is put in the network's words already: it says more than the phrase. */
function phrasedReasonOf({ code, facts }: RivuletError): string | undefined {
  const reason = code.startsWith("payment.") && "reason" in facts ? facts.reason : undefined;
  const low = reason?.toLowerCase();
  const phrase = low === undefined ? undefined : known.find((candidate) => low.includes(candidate.low));
  return reason !== undefined && phrase?.code === code ? toldText(reason, MAX_REASON_LENGTH) : undefined;
}

function isApplicationsFault(code: ErrorCode): boolean {
  return code.startsWith("request.");
}

function reasonOf(error: RivuletError): string {
  if (!isError(error, "request.rejected-by-model") || error.facts.reason === undefined) return error.message;
  const { field, reason } = error.facts;
  return field === undefined ? reason : `${field}: ${reason}`;
}

/** Stands before the reason where somebody repeats what one of our own runners said. */
const OUR_SENTENCE = new RegExp(`^${errorKinds["request.rejected-by-model"].text}(?: \\((\\w+)\\))?: `);

function rejectionIn(said: string): ErrorFacts<"request.rejected-by-model"> {
  const [sentence = "", field] = OUR_SENTENCE.exec(said) ?? [];
  return { ...(field !== undefined && { field }), reason: said.slice(sentence.length) };
}
