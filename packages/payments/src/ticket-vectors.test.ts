import { address, keySigner, personalHash, rawSign, recoverSigner } from "@rivulet/crypto";
import { isError, l1BlockNumber, ms, Rational, round, silentLogger, wei } from "@rivulet/primitives";
import { TestClock, testVectors } from "@rivulet/testkit";
import { expect } from "vitest";
import { type FaceValueTerms, faceValue } from "./face-value.ts";
import { Ledger } from "./ledger.ts";
import { MemoryPaymentStore } from "./memory-payment-store.ts";
import { plainFraming, randParts, recipientRand, recipientRandHash } from "./recipient-rand.ts";
import { Sender } from "./sender.ts";
import { ticketsNeeded } from "./staged-payment.ts";
import { auxData, draw, type Ticket, ticketHash, ticketHashText, wins, word } from "./ticket.ts";
import { ticketValue, winProbability } from "./win-probability.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.slice(2), "hex"));
const hex = (value: Uint8Array) => `0x${Buffer.from(value).toString("hex")}`;
const fraction = (text: string) => Rational.parse(text);

interface ExpirationJson {
  readonly creationRound: string;
  readonly creationRoundBlockHash: string;
}

interface TicketJson extends ExpirationJson {
  readonly recipient: string;
  readonly sender: string;
  readonly faceValue: string;
  readonly winProb: string;
  readonly senderNonce: string;
  readonly recipientRandHash: string;
}

const expirationOf = (json: ExpirationJson) => ({
  creationRound: BigInt(json.creationRound),
  creationRoundBlockHash: bytes(json.creationRoundBlockHash),
});

const ticketOf = (json: TicketJson): Ticket => ({
  recipient: address(json.recipient),
  sender: address(json.sender),
  faceValue: BigInt(json.faceValue),
  winProbability: BigInt(json.winProb),
  senderNonce: Number(json.senderNonce),
  recipientRandHash: bytes(json.recipientRandHash),
  expiration: expirationOf(json),
});

testVectors("tickets", {
  "aux-data": (input: ExpirationJson, expected: { auxData: string }) => {
    expect(hex(auxData(expirationOf(input)))).toBe(expected.auxData);
  },

  "ticket-hash": (input: TicketJson, expected: { hash: string; preimageLength: number }) => {
    const ticket = ticketOf(input);
    expect(ticketHashText(ticket)).toBe(expected.hash);
    expect(168 + auxData(ticket.expiration).length).toBe(expected.preimageLength);
  },

  "recipient-rand": (
    input: ExpirationJson & {
      secret: string;
      seed: string;
      sender: string;
      faceValue: string;
      winProb: string;
      expirationBlock: string;
      price: readonly [string, string];
    },
    expected: { hmacMessage: string; recipientRand: string; recipientRandHash: string },
  ) => {
    const terms = {
      seed: BigInt(input.seed),
      sender: address(input.sender),
      faceValue: BigInt(input.faceValue),
      winProbability: BigInt(input.winProb),
      expirationBlock: BigInt(input.expirationBlock),
      price: Rational.of(BigInt(input.price[0]), BigInt(input.price[1])),
      expiration: expirationOf(input),
    };
    expect(hex(Buffer.concat(randParts(terms)))).toBe(expected.hmacMessage);
    const rand = recipientRand(bytes(input.secret), terms, plainFraming);
    expect(hex(word(rand))).toBe(expected.recipientRand);
    expect(hex(recipientRandHash(rand))).toBe(expected.recipientRandHash);
    expect(recipientRand(bytes(input.secret), terms)).not.toBe(rand);
  },

  "ticket-signature": (
    input: TicketJson & { privateKey: string; recipientRand: string },
    expected: {
      preimage: string;
      hash: string;
      signedDigest: string;
      sig: string;
      recovered: string;
      draw: string;
      wins: boolean;
    },
  ) => {
    const ticket = ticketOf(input);
    const key = bytes(input.privateKey);
    const hash = ticketHash(ticket);
    const signature = rawSign(key, hash);
    expect(hex(hash)).toBe(expected.hash);
    expect(hex(personalHash(hash))).toBe(expected.signedDigest);
    expect(hex(signature)).toBe(expected.sig);
    expect(recoverSigner(hash, signature)).toBe(address(expected.recovered));
    expect(keySigner(key).address).toBe(ticket.sender);
    expect(hex(recipientRandHash(BigInt(input.recipientRand)))).toBe(input.recipientRandHash);
    expect(hex(word(draw(signature, BigInt(input.recipientRand))))).toBe(expected.draw);
    expect(wins(signature, BigInt(input.recipientRand), ticket.winProbability)).toBe(expected.wins);
  },

  winning: (
    input: { sig: string; recipientRand: string; winProb: string } & Partial<TicketJson>,
    expected: { hash?: string; draw: string; wins: boolean },
  ) => {
    const signature = bytes(input.sig);
    const rand = BigInt(input.recipientRand);
    expect(hex(word(draw(signature, rand)))).toBe(expected.draw);
    expect(wins(signature, rand, BigInt(input.winProb))).toBe(expected.wins);
    if (expected.hash !== undefined) {
      const ticket = ticketOf(input as TicketJson);
      expect(ticketHashText(ticket)).toBe(expected.hash);
      expect(recoverSigner(ticketHash(ticket), signature)).toBe(ticket.sender);
    }
  },

  "face-value": (
    input: Record<"gasPrice" | "redeemGas" | "txCostMultiplier" | "ev" | "maxFloat" | "maxFaceValue", string>,
    expected: { error: string } | { faceValue: string; winProb: string; ticketEV: string; ticketEV_5dp: string },
  ) => {
    const terms: FaceValueTerms = {
      expectedValue: BigInt(input.ev),
      redemptionGas: BigInt(input.redeemGas),
      gasPrice: BigInt(input.gasPrice),
      txCostMultiplier: BigInt(input.txCostMultiplier),
      maxFloat: BigInt(input.maxFloat),
      maxFaceValue: BigInt(input.maxFaceValue),
    };
    if ("error" in expected) {
      expect(errorOf(() => faceValue(terms))?.code).toBe("payment.reserve-insufficient");
      return;
    }
    const value = faceValue(terms);
    const chance = winProbability(terms.expectedValue, value);
    const worth = ticketValue({ faceValue: value, winProbability: chance });
    expect({
      faceValue: `${value}`,
      winProb: `${chance}`,
      ticketEV: `${worth}`,
      ticketEV_5dp: worth.toFixed(5),
    }).toEqual(expected);
  },

  "ticket-value": (input: { faceValue: string; winProb: string }, expected: { ev: string; ev_0dp: string }) => {
    const worth = ticketValue({ faceValue: BigInt(input.faceValue), winProbability: BigInt(input.winProb) });
    expect({ ev: `${worth}`, ev_0dp: worth.toFixed(0) }).toEqual(expected);
  },

  "sender-validation": async (
    input: Record<
      | "faceValue"
      | "winProb"
      | "expirationBlock"
      | "lastSeenL1Block"
      | "deposit"
      | "reserve"
      | "withdrawRound"
      | "lastInitializedRound"
      | "maxTicketEV"
      | "maxTotalEV"
      | "depositMultiplier",
      string
    > & { numTickets: number },
    expected: { error: string | null },
  ) => {
    const lastInitializedRound = round(BigInt(input.lastInitializedRound));
    const nothing = { [Symbol.dispose]() {} };
    const creation = { creationRound: lastInitializedRound, creationRoundBlockHash: new Uint8Array(32).fill(1) };
    const sender = new Sender(
      {
        maxTicketValue: wei(BigInt(input.maxTicketEV)),
        maxTotalValue: wei(BigInt(input.maxTotalEV)),
        depositMultiplier: BigInt(input.depositMultiplier),
      },
      {
        rounds: {
          l1Block: l1BlockNumber(BigInt(input.lastSeenL1Block)),
          lastInitializedRound,
          currentRound: lastInitializedRound,
          creation,
          poolSize: 1n,
          onBlock: () => nothing,
          onRound: () => nothing,
        },
        senders: {
          funds: async () => ({
            deposit: wei(BigInt(input.deposit)),
            withdrawRound: round(BigInt(input.withdrawRound)),
            reserveRemaining: wei(BigInt(input.reserve)),
            reserveClaimedInCurrentRound: wei(0n),
            reserveClaimedByUs: wei(0n),
          }),
          onChanged: () => nothing,
        },
        signer: { address: address(`0x${"11".repeat(20)}`), sign: async () => [] },
        store: new MemoryPaymentStore(),
        clock: new TestClock(),
      },
    );
    const params = {
      recipient: address(`0x${"22".repeat(20)}`),
      faceValue: BigInt(input.faceValue),
      winProbability: BigInt(input.winProb),
      recipientRandHash: new Uint8Array(32),
      seed: 1n,
      expirationBlock: BigInt(input.expirationBlock),
      expiration: creation,
    };
    const error: unknown = await sender.validate(params, input.numTickets).catch((reason: unknown) => reason);
    expect(isError(error) && "reason" in error.facts ? error.facts.reason : null).toBe(expected.error);
  },

  "stage-update": (
    input: { existingCredit: string; minCredit: string; ticketEV: string },
    expected: { numTickets: number; newCredit: string },
  ) => {
    const value = fraction(input.ticketEV);
    const tickets = ticketsNeeded({
      existingCredit: fraction(input.existingCredit),
      minCredit: fraction(input.minCredit),
      ticketValue: value,
    });
    expect({ numTickets: tickets, newCredit: `${value.times(BigInt(tickets))}` }).toEqual(expected);
  },

  "balance-update": async (
    input: {
      existingCredit: string;
      fee: string;
      ticketEV: string;
      finalStatus: "Staged" | "CreditSpent" | "ReceivedChange";
    },
    expected: { minCredit: string; numTickets: number; newCredit: string; balanceAfter: string },
  ) => {
    const key = { side: "payer", peer: address(`0x${"22".repeat(20)}`), id: "1a2b3c4d" } as const;
    const store = new MemoryPaymentStore();
    const ledger = new Ledger({ store, clock: new TestClock(ms(0)), log: silentLogger });
    await ledger.change({ key, credited: fraction(input.existingCredit) });
    {
      using staged = ledger.stage(key, fraction(input.fee), fraction(input.ticketEV));
      expect(staged.tickets).toBe(expected.numTickets);
      expect(`${staged.newCredit}`).toBe(expected.newCredit);
      expect(`${ledger.balance(key) ?? "0"}`).toBe("0");
      if (input.finalStatus !== "Staged") {
        await store.apply([{ ...staged.booking, touchedAt: ms(0) }]);
        staged.made();
        staged.send();
      }
      if (input.finalStatus === "ReceivedChange") await staged.settle(fraction(input.fee));
    }
    expect(`${ledger.balance(key) ?? "0"}`).toBe(expected.balanceAfter);
  },
});

function errorOf(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (isError(error)) return error;
    throw error;
  }
  return undefined;
}
