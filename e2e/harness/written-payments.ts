import { address } from "@rivulet/crypto";
import { type PaymentToTake, ticketHashText, type WinningTicket } from "@rivulet/payments";
import { ms, Rational } from "@rivulet/primitives";

/** What the writer that is killed writes, by number, so that whoever looks afterwards knows what ought to be there. */

const PEER = address(`0x${"44".repeat(20)}`);
const EXPIRATION_BLOCK = 1_000n;
const AT = ms(1_700_000_000_000);
/** Payments under one set of parameters: each has two nonces, and 600 are taken. */
const PAYMENTS_PER_PARAMETERS = 300;

export const ACCOUNT = { side: "payee", peer: PEER, id: "0" } as const;
export const RESERVATION = { recipientRandHash: hash(0xffff_ffff), expirationBlock: EXPIRATION_BLOCK };
/** Every third payment wins. */
export const wins = (number: number) => number % 3 === 0;

/** Two tickets, of which the first may win. */
export function paymentOf(number: number): PaymentToTake {
  const nonce = 2 * (number % PAYMENTS_PER_PARAMETERS);
  return {
    recipientRandHash: randHashOf(number),
    expirationBlock: EXPIRATION_BLOCK,
    nonces: [nonce, nonce + 1],
    creditable: 2,
    ticketValue: Rational.of(1n, 3n),
    winners: wins(number) ? [winnerOf(number)] : [],
    account: { ...ACCOUNT, id: `${number % 7}` },
    at: AT,
  };
}

export function winnerHash(number: number): string {
  return ticketHashText(winnerOf(number).ticket);
}

function winnerOf(number: number): WinningTicket {
  return {
    ticket: {
      recipient: PEER,
      sender: PEER,
      faceValue: BigInt(number),
      winProbability: 1n,
      senderNonce: 2 * (number % PAYMENTS_PER_PARAMETERS),
      recipientRandHash: randHashOf(number),
      expiration: { creationRound: 1n, creationRoundBlockHash: hash(1) },
    },
    signature: new Uint8Array(65).fill(number % 251),
    recipientRand: BigInt(number),
    paramsExpirationBlock: EXPIRATION_BLOCK,
  };
}

function randHashOf(number: number): Uint8Array {
  return hash(Math.floor(number / PAYMENTS_PER_PARAMETERS));
}

function hash(number: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}
