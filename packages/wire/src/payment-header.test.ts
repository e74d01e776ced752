import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PaymentSchema } from "./gen/lp_rpc_pb.ts";
import { decodePayment, encodePayment, NO_PAYMENT } from "./payment-header.ts";
import { writeBase64 } from "./protobuf.ts";

const header = (init: MessageInitShape<typeof PaymentSchema>) =>
  writeBase64(toBinary(PaymentSchema, create(PaymentSchema, init)));

describe("a payment", () => {
  test("of nothing is an empty header", () => {
    expect(encodePayment(NO_PAYMENT)).toBe("");
    expect(decodePayment(undefined)).toBe(NO_PAYMENT);
    expect(decodePayment("")).toBe(NO_PAYMENT);
  });

  test("may have parameters without tickets", () => {
    expect(decodePayment(header({ ticketParams: {}, expirationParams: {} })).tickets?.signed).toEqual([]);
  });

  test.each([
    ["a price for nothing", header({ expectedPrice: { pricePerUnit: 1n } })],
    ["tickets without parameters", header({ ticketSenderParams: [{ senderNonce: 1 }] })],
    ["parameters without a round", header({ ticketParams: {} })],
    ["too many tickets", header({ ticketParams: {}, expirationParams: {}, ticketSenderParams: Array(601).fill({}) })],
    [
      "a number of more than 256 bits",
      header({ ticketParams: { faceValue: new Uint8Array(33) }, expirationParams: {} }),
    ],
    ["no base64", "?"],
    ["no message", "/w=="],
    ["more than fits", "A".repeat(128 * 1024 + 4)],
  ])("is refused with %s", (_name, text) => {
    expect(() => decodePayment(text)).toThrow(expect.objectContaining({ code: "payment.malformed" }));
  });
});
