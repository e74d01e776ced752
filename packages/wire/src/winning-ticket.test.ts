import { create } from "@bufbuild/protobuf";
import { address } from "@rivulet/crypto";
import { expect, test } from "vitest";
import { MaxFloatUpdateSchema, TicketSchema } from "./gen/redeemer_pb.ts";
import {
  decodeWinningTicket,
  encodeWinningTicket,
  maxFloatMessage,
  maxFloatOf,
  type WinningTicket,
  winningTicketOf,
} from "./winning-ticket.ts";

const ticket: WinningTicket = {
  sender: address(`0x${"11".repeat(20)}`),
  params: {
    recipient: address(`0x${"22".repeat(20)}`),
    faceValue: 10n ** 15n,
    winProbability: 2n ** 250n,
    recipientRandHash: new Uint8Array(32).fill(3),
    seed: 0n,
    expirationBlock: 1040n,
  },
  expiration: { creationRound: 7n, creationRoundBlockHash: new Uint8Array(32).fill(4) },
  signed: { senderNonce: 9, signature: new Uint8Array(65).fill(5) },
  recipientRand: 2n ** 256n - 1n,
};

test("a winning ticket arrives as it left, its seed kept back", () => {
  expect(decodeWinningTicket(encodeWinningTicket({ ...ticket, params: { ...ticket.params, seed: 12n } }))).toEqual(
    ticket,
  );
});

test.each(["ticketParams", "expirationParams", "senderParams"] as const)("a ticket without %s is not one", (part) => {
  const whole = { ticketParams: {}, expirationParams: {}, senderParams: {} };
  expect(() => winningTicketOf(create(TicketSchema, { ...whole, [part]: undefined }))).toThrow(
    expect.objectContaining({ code: "request.malformed" }),
  );
});

test("a secret of more than 256 bits is not one", () => {
  const message = create(TicketSchema, {
    ticketParams: {},
    expirationParams: {},
    senderParams: {},
    recipientRand: new Uint8Array(33).fill(1),
  });
  expect(() => winningTicketOf(message)).toThrow(expect.objectContaining({ code: "request.malformed" }));
});

test("a max float is a number, zero included", () => {
  for (const maxFloat of [0n, 1n, 10n ** 18n])
    expect(maxFloatOf(create(MaxFloatUpdateSchema, maxFloatMessage(maxFloat)))).toBe(maxFloat);
});
