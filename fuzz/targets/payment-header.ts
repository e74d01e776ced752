import { decodePayment, encodePayment } from "@rivulet/wire";
import withoutTicket from "../../vectors/wire/v15-payment-header.json" with { type: "json" };
import withTicket from "../../vectors/wire/v17-payment-header.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { latin1, type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "payment-header",
  corpus: [...withTicket.cases, ...withoutTicket.cases].map(({ input }) => utf8(input)),
  words: ["=", "==", "AAAA"],
  fuzz: fixpoint(
    (bytes) => decodePayment(latin1(bytes)),
    (payment) => utf8(encodePayment(payment)),
  ),
};
