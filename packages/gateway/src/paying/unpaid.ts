import { discoveryText, offChainSigner, type Signer } from "@rivulet/crypto";
import { PAYMENT_HEADER, SEGMENT_HEADER } from "@rivulet/wire";
import { Credentials, manifestIdOf } from "./credentials.ts";
import type { Payer } from "./payer.ts";

/** Off-chain: nobody pays, and every job says so with an empty header. */
export function unpaid(signer: Signer = offChainSigner): Payer {
  const { address } = signer;
  const identity = { address, signature: signer.sign(discoveryText(address)) };
  const credentials = new Credentials(signer);
  return {
    wantsTerms: false,
    identity: async () => identity,
    assertSolvent: async () => {},
    check: async () => {},
    objection: () => undefined,
    pay: async ({ session, pipeline, model, capabilities }) => ({
      headers: {
        [SEGMENT_HEADER]: credentials.header(session.token, manifestIdOf(pipeline, model), capabilities),
        [PAYMENT_HEADER]: "",
      },
      settle() {},
    }),
    isDue: () => false,
    isOver: () => false,
    onDue: () => ({ [Symbol.dispose]() {} }),
  };
}
