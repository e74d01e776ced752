import { parseKeystore } from "@rivulet/chain";
import { LONGEST_HANDWRITTEN, type Target, text, utf8 } from "../target.ts";

const kdfs = [
  { kdf: "scrypt", kdfparams: { dklen: 32, n: 262144, p: 1, r: 8, salt: "ab".repeat(32) } },
  { kdf: "pbkdf2", kdfparams: { dklen: 32, c: 262144, prf: "hmac-sha256", salt: "cd".repeat(32) } },
];

export const target: Target = {
  name: "keystore",
  longest: LONGEST_HANDWRITTEN,
  corpus: kdfs.map((kdf) => {
    const cipher = { cipher: "aes-128-ctr", cipherparams: { iv: "0f".repeat(16) }, ciphertext: "5a".repeat(32) };
    return utf8(
      JSON.stringify({ address: "7e".repeat(20), crypto: { ...cipher, ...kdf, mac: "ee".repeat(32) }, version: 3 }),
    );
  }),
  words: ['"crypto"', '"Crypto"', '"version":3', '"kdf":"pbkdf2"', '"n":', "0x", "1e400", "-1", "null"],
  fuzz: (bytes) => parseKeystore(text(bytes)),
};
