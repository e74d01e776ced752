export { type Address, address, addressBytes, addressFromBytes, checksumAddress, ZERO_ADDRESS } from "./address.ts";
export { bigInteger, bigIntegerBytes } from "./big-integer.ts";
export { keccak256 } from "./keccak.ts";
export {
  type BatchSigner,
  SignatureThreads,
  type SignatureThreadsOptions,
  type SignatureThreadsPorts,
} from "./signature-threads.ts";
export {
  acceptAnySignature,
  discoveryText,
  keySigner,
  offChainSigner,
  personalHash,
  rawSign,
  rawVerify,
  recoverSigner,
  type Signer,
  type VerifySignature,
  verifySignature,
} from "./signing.ts";
