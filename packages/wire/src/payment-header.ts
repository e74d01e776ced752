import { type Address, addressBytes, addressFromBytes, ZERO_ADDRESS } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import { PaymentSchema } from "./gen/lp_rpc_pb.ts";
import { priceMessage, type WeiPerUnit, weiPerUnitOf } from "./price.ts";
import { readBase64, readMessage, writeBase64, writeMessage } from "./protobuf.ts";
import {
  type TicketExpiration,
  type TicketParams,
  ticketExpirationMessage,
  ticketExpirationOf,
  ticketParamsMessage,
  ticketParamsOf,
} from "./ticket-params.ts";

/** What stands in `Livepeer-Payment`. */
export interface Payment {
  /** Who pays; the zero address when nobody does. */
  readonly sender: Address;
  /** Absent when credit suffices. */
  readonly tickets?: TicketBatch;
  /** The last price this orchestrator told the sender. */
  readonly expectedPrice?: WeiPerUnit;
}

/** Tickets under one set of parameters. */
export interface TicketBatch {
  readonly params: TicketParams;
  readonly expiration: TicketExpiration;
  readonly signed: readonly SignedTicket[];
}

export interface SignedTicket {
  readonly senderNonce: number;
  readonly signature: Uint8Array;
}

export const PAYMENT_HEADER = "livepeer-payment";

/** The payment of every node that is off-chain: an empty header. */
export const NO_PAYMENT: Payment = Object.freeze({ sender: ZERO_ADDRESS });

/** An orchestrator takes at most 600 tickets for one set of parameters. Source: wire-protocol 2.9. */
const MAX_TICKETS = 600;
/** 600 tickets of 75 bytes and the parameters, in base64, doubled. */
const MAX_HEADER_LENGTH = 128 * 1024;

/** Reads the header. Absent or empty is no payment. Throws "payment.malformed". */
export function decodePayment(header: string | undefined): Payment {
  if (header === undefined || header === "") return NO_PAYMENT;
  return decodePaymentBytes(readBase64(header, MAX_HEADER_LENGTH, "payment.malformed"));
}

/** Reads what is inside the header. Throws "payment.malformed". */
export function decodePaymentBytes(bytes: Uint8Array): Payment {
  const message = readMessage(PaymentSchema, bytes, "payment.malformed");
  const { ticketParams, expirationParams, expectedPrice, ticketSenderParams } = message;
  if (ticketSenderParams.length > MAX_TICKETS) throw malformed(`more than ${MAX_TICKETS} tickets`);
  if (ticketParams === undefined && ticketSenderParams.length > 0) throw malformed("tickets without parameters");
  if (ticketParams !== undefined && expirationParams === undefined) throw malformed("tickets without a round");
  return {
    sender: addressFromBytes(message.sender),
    ...(ticketParams === undefined || expirationParams === undefined
      ? {}
      : {
          tickets: {
            params: ticketParamsOf(ticketParams, "payment.malformed"),
            expiration: ticketExpirationOf(expirationParams),
            signed: ticketSenderParams.map(({ senderNonce, sig }) => ({ senderNonce, signature: sig })),
          },
        }),
    ...(expectedPrice === undefined ? {} : { expectedPrice: weiPerUnitOf(expectedPrice, "payment.malformed") }),
  };
}

/** Writes the header: empty when nobody pays. */
export function encodePayment(payment: Payment): string {
  const isNothing =
    payment.sender === ZERO_ADDRESS && payment.tickets === undefined && payment.expectedPrice === undefined;
  return isNothing ? "" : writeBase64(encodePaymentBytes(payment));
}

export function encodePaymentBytes({ sender, tickets, expectedPrice }: Payment): Uint8Array {
  return writeMessage(PaymentSchema, {
    sender: addressBytes(sender),
    ...(tickets === undefined
      ? {}
      : {
          ticketParams: ticketParamsMessage(tickets.params),
          expirationParams: ticketExpirationMessage(tickets.expiration),
          ticketSenderParams: tickets.signed.map(({ senderNonce, signature }) => ({ senderNonce, sig: signature })),
        }),
    ...(expectedPrice === undefined ? {} : { expectedPrice: priceMessage(expectedPrice) }),
  });
}

function malformed(reason: string): RivuletError {
  return new RivuletError("payment.malformed", { reason });
}
