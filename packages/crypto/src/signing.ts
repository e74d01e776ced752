import { RivuletError } from "@rivulet/primitives";
import secp256k1 from "secp256k1";
import { type Address, addressFromBytes, checksumAddress, ZERO_ADDRESS } from "./address.ts";
import { keccak256 } from "./keccak.ts";

/** Signs for one account. */
export interface Signer {
  readonly address: Address;
  /** The 65 bytes r, s, v over keccak of `message`, s low and v 27 or 28; no bytes off-chain. */
  sign(message: Uint8Array): Uint8Array;
}

/** Tells whether `signature` is `address`'s over keccak of `message`. Never throws. */
export type VerifySignature = (address: Address, message: Uint8Array, signature: Uint8Array) => boolean;

const SIGNATURE_LENGTH = 65;
const V_OFFSET = 27;
const PREFIX = Buffer.from("\x19Ethereum Signed Message:\n", "latin1");
const PREFIX_32 = Buffer.concat([PREFIX, Buffer.from("32")]);
/** Half the order of the curve: of the two signatures that each one gives, the network takes the one not above it. */
const HALF_ORDER = Buffer.from("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", "hex");

/** What wallets hash before they sign: the text cannot also be a transaction. Source: wire-protocol 8.1. */
export function personalHash(message: Uint8Array): Uint8Array {
  return message.length === 32
    ? keccak256(PREFIX_32, message)
    : keccak256(PREFIX, Buffer.from(`${message.length}`), message);
}

/** Signs the personal hash of `message` itself. Tickets are signed like this; all else is hashed first. */
export function rawSign(privateKey: Uint8Array, message: Uint8Array): Uint8Array {
  const { signature, recid } = secp256k1.ecdsaSign(personalHash(message), privateKey);
  const out = new Uint8Array(SIGNATURE_LENGTH);
  out.set(signature);
  out[SIGNATURE_LENGTH - 1] = recid + V_OFFSET;
  return out;
}

/** Whether `signature` is `address`'s over the personal hash of `message` itself. High s and v of 0 or 1 are refused. */
export function rawVerify(address: Address, message: Uint8Array, signature: Uint8Array): boolean {
  return recoverSigner(message, signature) === address;
}

/** Whether `signature` is `address`'s over keccak of `message`. */
export const verifySignature: VerifySignature = (address, message, signature) =>
  rawVerify(address, keccak256(message), signature);

/** Off-chain nobody has a key and every signature will do. */
export const acceptAnySignature: VerifySignature = () => true;

/** The signer of a node without an account: the zero address and no bytes. */
export const offChainSigner: Signer = {
  address: ZERO_ADDRESS,
  sign: () => new Uint8Array(),
};

/** A signer that holds its key in memory. Throws "config.invalid" when the key is not one. */
export function keySigner(privateKey: Uint8Array): Signer {
  if (privateKey.length !== 32 || !secp256k1.privateKeyVerify(privateKey)) {
    throw new RivuletError("config.invalid", { problems: [{ path: "privateKey", message: "not a secp256k1 key" }] });
  }
  const key = Uint8Array.from(privateKey);
  return {
    address: addressOf(secp256k1.publicKeyCreate(key, false)),
    sign: (message) => rawSign(key, keccak256(message)),
  };
}

/** What a gateway signs to ask an orchestrator: its own address as text. The same for every orchestrator. */
export function discoveryText(address: Address): Uint8Array {
  return Buffer.from(checksumAddress(address), "ascii");
}

/** Whose signature over the personal hash of `message` itself it is; `undefined` when it is nobody's. Never throws. */
export function recoverSigner(message: Uint8Array, signature: Uint8Array): Address | undefined {
  const recovery = (signature[SIGNATURE_LENGTH - 1] ?? 0) - V_OFFSET;
  if (signature.length !== SIGNATURE_LENGTH || (recovery !== 0 && recovery !== 1)) return undefined;
  if (Buffer.compare(signature.subarray(32, 64), HALF_ORDER) > 0) return undefined;
  try {
    return addressOf(secp256k1.ecdsaRecover(signature.subarray(0, 64), recovery, personalHash(message), false));
  } catch {
    // No point has this x, or a number is outside the curve's order: a forgery like any other.
    return undefined;
  }
}

function addressOf(publicKey: Uint8Array): Address {
  return addressFromBytes(keccak256(publicKey.subarray(1)));
}
