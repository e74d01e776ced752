import { decodePaymentBytes, encodePaymentBytes } from "@rivulet/wire";
import withoutTicket from "../../vectors/wire/v15-payment-header.json" with { type: "json" };
import withTicket from "../../vectors/wire/v17-payment-header.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import type { Target } from "../target.ts";

export const target: Target = {
  name: "payment",
  corpus: [...withTicket.cases, ...withoutTicket.cases].map(({ input }) =>
    Uint8Array.from(Buffer.from(input, "base64")),
  ),
  fuzz: fixpoint(decodePaymentBytes, encodePaymentBytes),
};
