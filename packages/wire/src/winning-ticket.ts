import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Address, addressBytes, addressFromBytes, bigInteger, bigIntegerBytes } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import {
  type MaxFloatUpdate,
  type MaxFloatUpdateSchema,
  type Ticket as TicketMessage,
  TicketSchema,
} from "./gen/redeemer_pb.ts";
import type { SignedTicket } from "./payment-header.ts";
import { readMessage, writeMessage } from "./protobuf.ts";
import {
  type TicketExpiration,
  type TicketParams,
  ticketExpirationMessage,
  ticketExpirationOf,
  ticketParamsMessage,
  ticketParamsOf,
} from "./ticket-params.ts";

/** A ticket that won, on its way from the orchestrator that took it to the one who redeems it. */
export interface WinningTicket {
  readonly sender: Address;
  /** The seed is not told: it is 0. */
  readonly params: TicketParams;
  readonly expiration: TicketExpiration;
  readonly signed: SignedTicket;
  /** What the recipient kept secret until now. */
  readonly recipientRand: bigint;
}

const MAX_NUMBER_BYTES = 32;

export function winningTicketMessage(value: WinningTicket): MessageInitShape<typeof TicketSchema> {
  const { expiration: _dated, ...params } = value.params;
  return {
    ticketParams: ticketParamsMessage({ ...params, seed: 0n }),
    sender: addressBytes(value.sender),
    expirationParams: ticketExpirationMessage(value.expiration),
    senderParams: { senderNonce: value.signed.senderNonce, sig: value.signed.signature },
    recipientRand: bigIntegerBytes(value.recipientRand),
  };
}

/** The value of a message. Throws "request.malformed". */
export function winningTicketOf(message: TicketMessage): WinningTicket {
  const { ticketParams, expirationParams, senderParams, recipientRand } = message;
  if (ticketParams === undefined || expirationParams === undefined || senderParams === undefined)
    throw new RivuletError("request.malformed", { reason: "a ticket without its parameters" });
  return {
    sender: addressFromBytes(message.sender),
    params: ticketParamsOf(ticketParams, "request.malformed"),
    expiration: ticketExpirationOf(expirationParams),
    signed: { senderNonce: senderParams.senderNonce, signature: senderParams.sig },
    recipientRand: number256(recipientRand, "request.malformed"),
  };
}

export function encodeWinningTicket(value: WinningTicket): Uint8Array {
  return writeMessage(TicketSchema, winningTicketMessage(value));
}

/** Throws "request.malformed". */
export function decodeWinningTicket(bytes: Uint8Array): WinningTicket {
  return winningTicketOf(readMessage(TicketSchema, bytes, "request.malformed"));
}

/** What a sender is good for, as a redeemer tells it. */
export function maxFloatMessage(maxFloat: bigint): MessageInitShape<typeof MaxFloatUpdateSchema> {
  return { maxFloat: bigIntegerBytes(maxFloat) };
}

/** Throws "peer.protocol". */
export function maxFloatOf({ maxFloat }: MaxFloatUpdate): bigint {
  return number256(maxFloat, "peer.protocol");
}

function number256(bytes: Uint8Array, code: "peer.protocol" | "request.malformed"): bigint {
  if (bytes.length > MAX_NUMBER_BYTES) throw new RivuletError(code, { reason: "a number of more than 256 bits" });
  return bigInteger(bytes);
}
