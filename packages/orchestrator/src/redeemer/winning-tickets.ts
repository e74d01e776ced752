import { keccak256 } from "@rivulet/crypto";
import { type WinningTicket as KeptTicket, type SignatureRecovery, ticketHash, wins } from "@rivulet/payments";
import { RivuletError } from "@rivulet/primitives";
import type { WinningTicket } from "@rivulet/wire";

/** A winner in the form in which it travels to a redeemer. */
export function sentTicket({ ticket, signature, recipientRand, paramsExpirationBlock }: KeptTicket): WinningTicket {
  const { sender, recipient, faceValue, winProbability, recipientRandHash, senderNonce, expiration } = ticket;
  return {
    sender,
    params: {
      recipient,
      faceValue,
      winProbability,
      recipientRandHash,
      seed: 0n,
      expirationBlock: paramsExpirationBlock,
    },
    expiration,
    signed: { senderNonce, signature },
    recipientRand,
  };
}

/** The winner that has arrived. */
export function keptTicket({ sender, params, expiration, signed, recipientRand }: WinningTicket): KeptTicket {
  const { recipient, faceValue, winProbability, recipientRandHash, expirationBlock } = params;
  return {
    ticket: {
      sender,
      recipient,
      faceValue,
      winProbability,
      recipientRandHash,
      senderNonce: signed.senderNonce,
      expiration,
    },
    signature: signed.signature,
    recipientRand,
    paramsExpirationBlock: expirationBlock,
  };
}

/**
 * Whether the contract would find that this ticket won: what it never pays is not worth keeping. Throws
 * "payment.ticket-invalid".
 */
export async function checkWon(winner: KeptTicket, recovery: SignatureRecovery, signal?: AbortSignal): Promise<void> {
  const { ticket, signature, recipientRand } = winner;
  const rand = Buffer.from(recipientRand.toString(16).padStart(64, "0"), "hex");
  if (Buffer.compare(keccak256(rand), ticket.recipientRandHash) !== 0)
    throw invalid("invalid recipientRand for ticket recipientRandHash");
  const [signer] = await recovery.recover([{ hash: ticketHash(ticket), signature }], signal);
  if (signer !== ticket.sender) throw invalid("invalid ticket signature");
  if (!wins(signature, recipientRand, ticket.winProbability)) throw invalid("the ticket did not win");
}

function invalid(reason: string): RivuletError {
  return new RivuletError("payment.ticket-invalid", { reason });
}
