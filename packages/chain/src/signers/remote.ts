import type { Address } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import type { Account } from "./account.ts";

/** An account whose key a remote signer holds. It signs tickets and requests, never transactions: those are refused here. */
export function remoteAccount(address: Address): Account {
  return {
    address,
    signTransaction: async () => {
      const reason = `${address} belongs to a remote signer; send transactions where its key is`;
      throw new RivuletError("chain.cannot-sign", { reason });
    },
  };
}
