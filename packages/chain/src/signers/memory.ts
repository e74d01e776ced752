import { privateKeyToAccount } from "viem/accounts";
import { hexFromBytes } from "../hex.ts";
import type { Account } from "./account.ts";
import type { PrivateKey } from "./private-key.ts";

/** An account whose key is in this process. */
export function memoryAccount(key: PrivateKey): Account {
  // The key lives in the closure of viem's account, which this one keeps in its own.
  const account = privateKeyToAccount(hexFromBytes(key.bytes()));
  return {
    address: key.address,
    signTransaction: (transaction) => account.signTransaction({ ...transaction, type: "eip1559" }),
  };
}
