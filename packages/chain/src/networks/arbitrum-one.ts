import { address } from "@rivulet/crypto";
import { ms } from "@rivulet/primitives";
import type { Network } from "./network.ts";

/** The network where the protocol lives. Source: payments-and-chain 10.2, 9.4, 22. */
export const arbitrumOne: Network = {
  name: "arbitrum-one",
  chainId: 42161,
  isPublic: true,
  controller: address("0xD8E8328501E9645d16Cf49539efC04f734606ee4"),
  aiServiceRegistry: address("0x04C0b249740175999E5BF5c9ac1dA92431EF34C5"),
  priceFeed: address("0x639Fe6ab55C921f74e7fac1ee960C0B6293ba612"),
  redeemGas: 1_200_000n,
  redeemGasFurther: 600_000n,
  minGasPrice: 0n,
  confirmations: 2,
  pollInterval: ms(5_000),
  // Blocks come several times a second: a head a minute old is that of an endpoint that has stopped following.
  staleAfter: ms(60_000),
};
