export { type Address, address, addressBytes, addressFromBytes, checksumAddress, ZERO_ADDRESS } from "./address.ts";
export { bigInteger, bigIntegerBytes } from "./big-integer.ts";
export { keccak256 } from "./keccak.ts";
export {
  acceptAnySignature,
  discoveryText,
  keySigner,
  offChainSigner,
  personalHash,
  rawSign,
  rawVerify,
  type Signer,
  type VerifySignature,
  verifySignature,
} from "./signing.ts";
