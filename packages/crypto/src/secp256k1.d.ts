/** The part of the package that we use; it comes without types. */
declare module "secp256k1" {
  const secp256k1: {
    privateKeyVerify(privateKey: Uint8Array): boolean;
    publicKeyCreate(privateKey: Uint8Array, compressed: boolean): Uint8Array;
    ecdsaSign(message: Uint8Array, privateKey: Uint8Array): { signature: Uint8Array; recid: number };
    /** Throws when there is no such point. */
    ecdsaRecover(signature: Uint8Array, recid: number, message: Uint8Array, compressed: boolean): Uint8Array;
  };
  export default secp256k1;
}
