import { address } from "@rivulet/crypto";
import { ms } from "@rivulet/primitives";
import type { Network } from "./network.ts";

/**
 * A chain on this machine with the contracts of `@rivulet/devnet`.
 *
 * The addresses follow from who deploys in which order, so they are the same on every such chain; a chain that was
 * deployed in another way is described with `{ ...local, controller, … }`.
 */
export const local: Network = {
  name: "local",
  chainId: 31337,
  isPublic: false,
  controller: address("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
  aiServiceRegistry: address("0x2279B7A0a67DB372996a5FaB50D91eAA73d2eBe6"),
  priceFeed: address("0x8A791620dd6260079BF849Dc5567aDC3F2FdC318"),
  redeemGas: 350_000n,
  redeemGasFurther: 175_000n,
  minGasPrice: 0n,
  // Blocks come only with transactions: nobody else's would confirm ours.
  confirmations: 1,
  pollInterval: ms(250),
  staleAfter: undefined,
};
