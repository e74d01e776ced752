import {
  address,
  checksumAddress,
  discoveryText,
  keccak256,
  keySigner,
  personalHash,
  rawSign,
  recoverSigner,
  verifySignature,
} from "@rivulet/crypto";
import { ms, Rational } from "@rivulet/primitives";
import { testVectors } from "@rivulet/testkit";
import { expect } from "vitest";
import { AUTH_TOKEN_LIFETIME, AuthTokens } from "./auth-token.ts";
import { decodePayment, encodePayment, encodePaymentBytes, type Payment } from "./payment-header.ts";
import { decodeSegmentCredentials, encodeSegmentCredentials, flatten } from "./segment-credentials.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.slice(2), "hex"));
const hex = (value: Uint8Array) => `0x${Buffer.from(value).toString("hex")}`;

type SignatureInput =
  | { readonly message: string; readonly sig: string }
  | { readonly privateKey: string; readonly address: string }
  | { readonly privateKey: string; readonly manifestId: string; readonly seq: string; readonly dataHash: string }
  | { readonly privateKey: string; readonly request: string; readonly parameters: string }
  | { readonly privateKey: string; readonly stateJson: string };

interface SignatureExpected {
  readonly recovered?: string;
  readonly error?: string;
  readonly inner?: string;
  readonly flatten?: string;
  readonly digest?: string;
  readonly sig?: string;
  readonly stateBase64?: string;
}

interface PaymentJson {
  readonly sender: string;
  readonly ticketParams?: Record<"recipient" | "faceValue" | "winProb" | "recipientRandHash" | "seed", string> & {
    readonly expirationBlock: string;
  };
  readonly expirationParams?: { readonly creationRound: string; readonly creationRoundBlockHash: string };
  readonly ticketSenderParams?: readonly { readonly senderNonce: number; readonly sig: string }[];
  readonly expectedPrice: { readonly pricePerUnit: string; readonly pixelsPerUnit: string };
}

interface CredentialsJson {
  readonly manifestId: string;
  readonly sig: string;
  readonly authToken: { readonly token: string; readonly sessionId: string; readonly expiration: string };
}

testVectors("payment-messages", {
  signature: (input: SignatureInput, expected: SignatureExpected) => {
    if ("message" in input) {
      const signer = recoverSigner(bytes(input.message), bytes(input.sig));
      expect(signer).toBe(expected.recovered === undefined ? undefined : address(expected.recovered));
      return;
    }
    const key = bytes(input.privateKey);
    if ("stateJson" in input) {
      const state = Buffer.from(input.stateJson);
      expect(hex(personalHash(state))).toBe(expected.digest);
      expect(hex(rawSign(key, state))).toBe(expected.sig);
      expect(state.toString("base64")).toBe(expected.stateBase64);
      return;
    }
    const message = messageOf(input);
    const signer = keySigner(key);
    const signature = signer.sign(message);
    expect(hex(keccak256(message))).toBe(expected.inner);
    expect(hex(signature)).toBe(expected.sig);
    expect(verifySignature(signer.address, message, signature)).toBe(true);
    if (expected.flatten !== undefined) expect(hex(message)).toBe(expected.flatten);
    if (expected.digest !== undefined) expect(hex(personalHash(keccak256(message)))).toBe(expected.digest);
  },

  "auth-token": (input: { secret: string; sessionId: string; expiration: string }, { token }: { token: string }) => {
    const tokens = new AuthTokens(bytes(input.secret));
    const issued = tokens.issue(input.sessionId, ms(Number(input.expiration) * 1000 - AUTH_TOKEN_LIFETIME));
    expect(hex(issued.token)).toBe(token);
    expect(tokens.verify(issued, issued.expiresAt)).toBe(issued);
  },

  "payment-header": (input: PaymentJson | CredentialsJson, expected: { protobuf: string; header: string }) => {
    expect(Buffer.from(expected.header, "base64")).toEqual(Buffer.from(bytes(expected.protobuf)));
    if ("manifestId" in input) {
      const credentials = decodeSegmentCredentials(expected.header);
      expect(credentials).toMatchObject({
        manifestId: input.manifestId,
        signature: bytes(input.sig),
        authToken: {
          token: bytes(input.authToken.token),
          sessionId: input.authToken.sessionId,
          expiresAt: Number(input.authToken.expiration) * 1000,
        },
      });
      expect(encodeSegmentCredentials(credentials)).toBe(expected.header);
      return;
    }
    const payment = paymentOf(input);
    expect(hex(encodePaymentBytes(payment))).toBe(expected.protobuf);
    expect(encodePayment(payment)).toBe(expected.header);
    expect(decodePayment(expected.header)).toEqual(payment);
  },
});

function messageOf(input: Exclude<SignatureInput, { message: string } | { stateJson: string }>): Uint8Array {
  if ("request" in input) return Buffer.from(input.request + input.parameters);
  if ("address" in input) {
    expect(checksumAddress(address(input.address))).toBe(input.address);
    return discoveryText(address(input.address));
  }
  return flatten({
    manifestId: input.manifestId,
    sequence: BigInt(input.seq),
    hash: bytes(input.dataHash),
    profiles: [],
  });
}

function paymentOf({
  sender,
  ticketParams,
  expirationParams,
  ticketSenderParams,
  expectedPrice,
}: PaymentJson): Payment {
  const payment = {
    sender: address(sender),
    expectedPrice: Rational.of(BigInt(expectedPrice.pricePerUnit), BigInt(expectedPrice.pixelsPerUnit)),
  };
  if (ticketParams === undefined || expirationParams === undefined) return payment;
  return {
    ...payment,
    tickets: {
      params: {
        recipient: address(ticketParams.recipient),
        faceValue: BigInt(ticketParams.faceValue),
        winProbability: BigInt(ticketParams.winProb),
        recipientRandHash: bytes(ticketParams.recipientRandHash),
        seed: BigInt(ticketParams.seed),
        expirationBlock: BigInt(ticketParams.expirationBlock),
      },
      expiration: {
        creationRound: BigInt(expirationParams.creationRound),
        creationRoundBlockHash: bytes(expirationParams.creationRoundBlockHash),
      },
      signed: (ticketSenderParams ?? []).map(({ senderNonce, sig }) => ({ senderNonce, signature: bytes(sig) })),
    },
  };
}
