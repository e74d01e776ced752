import { type Address, rawSign } from "@rivulet/crypto";
import {
  concatHex,
  encodeAbiParameters,
  encodePacked,
  type Hex,
  hexToBytes,
  keccak256,
  maxUint256,
  numberToHex,
  sliceHex,
} from "viem";
import { roundsManager } from "../src/gen/rounds-manager.ts";
import type { DevelopmentAccount, Devnet } from "../src/index.ts";

/** All that the broker is told about one ticket. */
export interface TicketFields {
  recipient: Address;
  sender: Address;
  faceValue: bigint;
  winProb: bigint;
  senderNonce: bigint;
  recipientRandHash: Hex;
  auxData: Hex;
}

export const RECIPIENT_RAND = 7_777n;

export function commitment(recipientRand: bigint): Hex {
  return keccak256(numberToHex(recipientRand, { size: 32 }));
}

export function auxData(creationRound: bigint, creationHash: Hex): Hex {
  return encodeAbiParameters([{ type: "uint256" }, { type: "bytes32" }], [creationRound, creationHash]);
}

/** A ticket that wins for certain, made in the current round. */
export async function winningTicket(
  { client, addresses }: Devnet,
  fields: Pick<TicketFields, "recipient" | "sender" | "faceValue"> & Partial<TicketFields>,
): Promise<TicketFields> {
  const rounds = { to: addresses.roundsManager, abi: roundsManager.abi } as const;
  const round = await client.read({ ...rounds, functionName: "lastInitializedRound", args: [] });
  const hash = await client.read({ ...rounds, functionName: "blockHashForRound", args: [round] });
  return {
    winProb: maxUint256,
    senderNonce: 1n,
    recipientRandHash: commitment(RECIPIENT_RAND),
    auxData: auxData(round, hash),
    ...fields,
  };
}

/** Source: payments-and-chain 3.3. */
export function ticketHash(ticket: TicketFields): Hex {
  const { recipient, sender, faceValue, winProb, senderNonce, recipientRandHash, auxData } = ticket;
  return keccak256(
    encodePacked(
      ["address", "address", "uint256", "uint256", "uint256", "bytes32", "bytes"],
      [hex(recipient), hex(sender), faceValue, winProb, senderNonce, recipientRandHash, auxData],
    ),
  );
}

export function sign(ticket: TicketFields, { privateKey }: DevelopmentAccount): Hex {
  return `0x${Buffer.from(rawSign(hexToBytes(privateKey), hexToBytes(ticketHash(ticket)))).toString("hex")}`;
}

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The other signature that is as true: the network takes only the one with the lower s. */
export function withHighS(signature: Hex): Hex {
  const s = CURVE_ORDER - BigInt(sliceHex(signature, 32, 64));
  const v = BigInt(sliceHex(signature, 64)) === 27n ? "0x1c" : "0x1b";
  return concatHex([sliceHex(signature, 0, 32), numberToHex(s, { size: 32 }), v]);
}

export function withV(signature: Hex, v: number): Hex {
  return concatHex([sliceHex(signature, 0, 64), numberToHex(v, { size: 1 })]);
}

function hex(address: Address): Hex {
  return `0x${address.slice(2)}`;
}
