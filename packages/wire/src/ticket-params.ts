import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Address, addressBytes, addressFromBytes, bigInteger, bigIntegerBytes } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import type {
  TicketExpirationParams as TicketExpirationParamsMessage,
  TicketExpirationParamsSchema,
  TicketParams as TicketParamsMessage,
  TicketParamsSchema,
} from "./gen/lp_rpc_pb.ts";
import type { MalformedCode } from "./protobuf.ts";

/** What a recipient demands of the tickets it takes. */
export interface TicketParams {
  readonly recipient: Address;
  readonly faceValue: bigint;
  /** The numerator over 2^256 - 1. */
  readonly winProbability: bigint;
  readonly recipientRandHash: Uint8Array;
  readonly seed: bigint;
  /** An L1 block. */
  readonly expirationBlock: bigint;
  /** The round that dates the tickets. Left out inside the payments of batch jobs. */
  readonly expiration?: TicketExpiration;
}

export interface TicketExpiration {
  readonly creationRound: bigint;
  readonly creationRoundBlockHash: Uint8Array;
}

/** The contract's numbers have 256 bits. */
const MAX_NUMBER_BYTES = 32;

export function ticketParamsOf(message: TicketParamsMessage, code: MalformedCode): TicketParams {
  const { expirationParams } = message;
  return {
    recipient: addressFromBytes(message.recipient),
    faceValue: number256(message.faceValue, code),
    winProbability: number256(message.winProb, code),
    recipientRandHash: message.recipientRandHash,
    seed: number256(message.seed, code),
    expirationBlock: number256(message.expirationBlock, code),
    ...(expirationParams === undefined ? {} : { expiration: ticketExpirationOf(expirationParams) }),
  };
}

export function ticketParamsMessage(value: TicketParams): MessageInitShape<typeof TicketParamsSchema> {
  const { expiration } = value;
  return {
    recipient: addressBytes(value.recipient),
    faceValue: bigIntegerBytes(value.faceValue),
    winProb: bigIntegerBytes(value.winProbability),
    recipientRandHash: value.recipientRandHash,
    seed: bigIntegerBytes(value.seed),
    expirationBlock: bigIntegerBytes(value.expirationBlock),
    ...(expiration === undefined ? {} : { expirationParams: ticketExpirationMessage(expiration) }),
  };
}

export function ticketExpirationOf(message: TicketExpirationParamsMessage): TicketExpiration {
  return { creationRound: message.creationRound, creationRoundBlockHash: message.creationRoundBlockHash };
}

export function ticketExpirationMessage(
  value: TicketExpiration,
): MessageInitShape<typeof TicketExpirationParamsSchema> {
  return { creationRound: value.creationRound, creationRoundBlockHash: value.creationRoundBlockHash };
}

function number256(bytes: Uint8Array, code: MalformedCode): bigint {
  if (bytes.length > MAX_NUMBER_BYTES) throw new RivuletError(code, { reason: "a number of more than 256 bits" });
  return bigInteger(bytes);
}
