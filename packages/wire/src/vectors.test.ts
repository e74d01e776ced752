import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  address,
  addressBytes,
  bigIntegerBytes,
  checksumAddress,
  discoveryText,
  keccak256,
  keySigner,
  personalHash,
  rawSign,
  rawVerify,
  verifySignature,
  ZERO_ADDRESS,
} from "@rivulet/crypto";
import { ms, Rational, retryOf } from "@rivulet/primitives";
import { testVectors } from "@rivulet/testkit";
import { expect } from "vitest";
import { AUTH_TOKEN_LIFETIME, AuthTokens, encodeAuthToken } from "./auth-token.ts";
import { decodeCapabilities, encodeCapabilities, type ModelConstraints, NO_CAPABILITIES } from "./capabilities.ts";
import { bitsOf, DEFAULT_CAPABILITIES, findCapabilityNumber, LEGACY_CAPABILITIES } from "./capability-bits.ts";
import { readLegacyPhrase } from "./compat/legacy-phrases.ts";
import { isCompatible } from "./compatibility.ts";
import { CapabilitiesSchema, OrchestratorInfoSchema, PaymentResultSchema, PingPongSchema } from "./gen/lp_rpc_pb.ts";
import { decodeOrchestratorInfo, encodeOrchestratorRequest } from "./orchestrator-info.ts";
import { decodePayment, encodePayment, encodePaymentBytes } from "./payment-header.ts";
import { decodeSegmentCredentials, encodeSegmentCredentials, flatten } from "./segment-credentials.ts";
import { isVersionAtLeast } from "./version.ts";
import { decodeRegistration, decodeWorkerJob, encodeRegistration, encodeWorkerJob } from "./worker-stream.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex");
const words = (texts: readonly string[]) => texts.map(BigInt);

type ModelsJson = Readonly<
  Record<string, Readonly<Record<string, { isWarm: boolean; runnerVersion?: string; capacity?: number }>>>
>;

function models(json: ModelsJson): ReadonlyMap<number, ModelConstraints> {
  return new Map(
    Object.entries(json).map(([capability, constraints]) => [
      Number(capability),
      new Map(
        Object.entries(constraints).map(([model, constraint]) => [
          model,
          { capacity: 0, capacityInUse: 0, runnerVersion: "", ...constraint },
        ]),
      ),
    ]),
  );
}

interface BitsJson {
  readonly numbers?: readonly number[];
  readonly words?: readonly string[];
  readonly mandatory?: readonly number[];
}

function capabilities(json: BitsJson) {
  const bits = json.words === undefined ? bitsOf(json.numbers ?? []) : words(json.words);
  return { ...NO_CAPABILITIES, bits, mandatory: bitsOf(json.mandatory ?? []) };
}

testVectors("wire", {
  "v01-keccak": (text: string, expected: string) => {
    expect(hex(keccak256(Buffer.from(text)))).toBe(expected);
  },

  "v02-signature-recovery": (input: { address: string; message: string; signature: string }, expected: boolean) => {
    expect(rawVerify(address(input.address), bytes(input.message), bytes(input.signature))).toBe(expected);
  },

  "v03-orchestrator-request": (
    input: { key: string; address: string },
    expected: { keccak: string; personalHash: string; signature: string; keccakOfLowerCase: string; message: string },
  ) => {
    const signer = keySigner(bytes(input.key));
    const text = discoveryText(signer.address);
    const signature = signer.sign(text);
    const lowerCase = Buffer.from(signer.address);
    expect(checksumAddress(signer.address)).toBe(input.address);
    expect(hex(keccak256(text))).toBe(expected.keccak);
    expect(hex(personalHash(keccak256(text)))).toBe(expected.personalHash);
    expect(hex(signature)).toBe(expected.signature);
    expect(verifySignature(signer.address, text, signature)).toBe(true);
    expect(hex(keccak256(lowerCase))).toBe(expected.keccakOfLowerCase);
    expect(verifySignature(signer.address, lowerCase, signature)).toBe(false);
    expect(hex(encodeOrchestratorRequest({ address: signer.address, signature, ignoresCapacity: false }))).toBe(
      expected.message,
    );
  },

  "v04-flatten": (
    input: { manifestId: string; sequence: string; hash: string; profiles: readonly string[] },
    expected: { flattened: string; keccak: string },
  ) => {
    const flat = flatten({ ...input, sequence: BigInt(input.sequence), hash: bytes(input.hash) });
    expect(hex(flat)).toBe(expected.flattened);
    expect(hex(keccak256(flat))).toBe(expected.keccak);
  },

  "v05-segment-signature": (
    input: { key?: string; manifestId: string },
    expected: { length: number; keccak: string; signature?: string },
  ) => {
    const flat = flatten({ manifestId: input.manifestId, sequence: 0n, hash: keccak256(), profiles: [] });
    expect(flat.length).toBe(expected.length);
    expect(hex(keccak256(flat))).toBe(expected.keccak);
    if (input.key !== undefined) expect(hex(keySigner(bytes(input.key)).sign(flat))).toBe(expected.signature);
  },

  "v06-bit-strings": (input: readonly number[] | "default" | "legacy", expected: readonly string[]) => {
    const numbers = input === "default" ? DEFAULT_CAPABILITIES : input === "legacy" ? LEGACY_CAPABILITIES : input;
    expect(bitsOf(numbers)).toEqual(words(expected));
  },

  "v07-packed-bit-strings": (bitstring: readonly string[], expected: string) => {
    expect(hex(toBinary(CapabilitiesSchema, create(CapabilitiesSchema, { bitstring: words(bitstring) })))).toBe(
      expected,
    );
  },

  "v08-capabilities": (
    input: { bits: readonly string[]; capacities: Record<string, number>; version: string; models: ModelsJson },
    expected: string,
  ) => {
    const value = {
      ...NO_CAPABILITIES,
      bits: words(input.bits),
      capacities: new Map(Object.entries(input.capacities).map(([number, capacity]) => [Number(number), capacity])),
      version: input.version,
      models: models(input.models),
    };
    expect(hex(encodeCapabilities(value))).toBe(expected);
    expect(decodeCapabilities(bytes(expected))).toEqual(value);
  },

  "v09-compatible-bits": (input: { wanted: BitsJson; offered: BitsJson }, expected: boolean) => {
    expect(isCompatible(capabilities(input.wanted), capabilities(input.offered))).toBe(expected);
  },

  "v10-versions": (input: { least: string; have: string }, expected: boolean) => {
    expect(isVersionAtLeast(input.have, input.least)).toBe(expected);
  },

  "v11-model-constraints": (input: { wanted: ModelsJson; offered: ModelsJson }, expected: boolean) => {
    const having = (json: ModelsJson) => ({ ...NO_CAPABILITIES, models: models(json) });
    expect(isCompatible(having(input.wanted), having(input.offered))).toBe(expected);
  },

  "v12-pipeline-names": (name: string, expected: number | null) => {
    expect(findCapabilityNumber(name) ?? null).toBe(expected);
  },

  "v13-auth-token": (
    input: { key: string; sessionId: string; expiration: number },
    expected: { token: string; message?: string },
  ) => {
    const tokens = new AuthTokens(bytes(input.key));
    const token = tokens.issue(input.sessionId, ms(input.expiration * 1000 - AUTH_TOKEN_LIFETIME));
    expect(token.expiresAt).toBe(input.expiration * 1000);
    expect(hex(token.token)).toBe(expected.token);
    expect(tokens.verify(token, token.expiresAt)).toBe(token);
    if (expected.message !== undefined) expect(hex(encodeAuthToken(token))).toBe(expected.message);
  },

  "v14-segment-header": (
    header: string,
    expected: {
      bytes: number;
      manifestId: string;
      signature: string;
      capabilities: string;
      sessionId: string;
      expiration: number;
      token: string;
      signer: string;
    },
  ) => {
    const credentials = decodeSegmentCredentials(header);
    expect(Buffer.from(header, "base64").length).toBe(expected.bytes);
    expect(credentials).toEqual({
      manifestId: expected.manifestId,
      sequence: 0n,
      hash: keccak256(),
      profiles: [],
      signature: bytes(expected.signature),
      capabilities: decodeCapabilities(bytes(expected.capabilities)),
      authToken: { token: bytes(expected.token), sessionId: expected.sessionId, expiresAt: expected.expiration * 1000 },
    });
    expect(verifySignature(address(expected.signer), flatten(credentials), credentials.signature)).toBe(true);
    expect(encodeSegmentCredentials(credentials)).toBe(header);
  },

  "v15-payment-header": (
    header: string,
    expected: { hex: string; sender: string; expectedPrice?: readonly [string, string] },
  ) => {
    const payment = decodePayment(header);
    expect(payment.sender).toBe(address(expected.sender));
    expect(payment.expectedPrice).toEqual(expected.expectedPrice && rational(expected.expectedPrice));
    expect(encodePayment(payment)).toBe(header);
    if (header === "") expect(payment.sender).toBe(ZERO_ADDRESS);
    else expect(hex(encodePaymentBytes(payment))).toBe(expected.hex);
  },

  "v17-payment-header": (
    header: string,
    expected: Readonly<Record<string, string>> & {
      bytes: number;
      senderNonce: number;
      expectedPrice: readonly [string, string];
    },
  ) => {
    const payment = decodePayment(header);
    const big = (name: string) => BigInt(expected[name] ?? "");
    const of = (name: string) => bytes(expected[name] ?? "");
    expect(Buffer.from(header, "base64").length).toBe(expected.bytes);
    expect(payment).toEqual({
      sender: address(expected["sender"] ?? ""),
      expectedPrice: rational(expected.expectedPrice),
      tickets: {
        params: {
          recipient: address(expected["recipient"] ?? ""),
          faceValue: big("faceValue"),
          winProbability: big("winProbability"),
          recipientRandHash: of("recipientRandHash"),
          seed: big("seed"),
          expirationBlock: big("expirationBlock"),
        },
        expiration: { creationRound: big("creationRound"), creationRoundBlockHash: of("creationRoundBlockHash") },
        signed: [{ senderNonce: expected.senderNonce, signature: of("signature") }],
      },
    });
    expect(encodePayment(payment)).toBe(header);
    const preimage = ticketPreimage(payment);
    expect(preimage.length).toBe(232);
    expect(hex(keccak256(preimage))).toBe(expected["ticketHash"]);
    expect(rawVerify(payment.sender, keccak256(preimage), of("signature"))).toBe(true);
  },

  "v23-worker-messages": (
    input: {
      taskId?: string;
      pipeline: string;
      requestData: string;
      secret?: string;
      capabilities: string;
      hardware: { pipeline: string; model: string; gpus: Record<string, Record<string, string | number>> };
    },
    expected: string,
  ) => {
    if (input.secret === undefined) {
      const { taskId = "", pipeline, requestData } = input;
      const job = { taskId: BigInt(taskId), pipeline, requestData: new Uint8Array(Buffer.from(requestData)) };
      expect(hex(encodeWorkerJob(job))).toBe(expected);
      expect(decodeWorkerJob(bytes(expected))).toEqual(job);
      return;
    }
    const registration = decodeRegistration(bytes(expected));
    expect(registration.secret).toBe(input.secret);
    expect(registration.capabilities).toEqual(decodeCapabilities(bytes(input.capabilities)));
    const gpus = Object.entries(input.hardware.gpus).map(
      ([index, { memoryFree = 0, memoryTotal = 0, ...gpu }]) =>
        [index, { ...gpu, memoryFree: BigInt(memoryFree), memoryTotal: BigInt(memoryTotal) }] as const,
    );
    expect(registration.hardware).toEqual([{ ...input.hardware, gpus: new Map(gpus) }]);
    expect(hex(encodeRegistration(registration))).toBe(expected);
  },

  "v24-orchestrator-info": (
    input: string,
    expected: {
      serviceUri: string;
      price: readonly [string, string];
      prices: readonly { price: readonly [string, string]; capability: number; constraint: string }[];
      nodes: readonly string[];
      paymentResult: string;
    },
  ) => {
    const { paymentResult, price, prices, ...rest } = expected;
    expect(decodeOrchestratorInfo(bytes(input))).toEqual({
      ...rest,
      address: ZERO_ADDRESS,
      hardware: [],
      price: rational(price),
      prices: prices.map((entry) => ({ ...entry, price: rational(entry.price) })),
    });
    const info = fromBinary(OrchestratorInfoSchema, bytes(input));
    expect(hex(toBinary(OrchestratorInfoSchema, info))).toBe(input);
    const result = hex(toBinary(PaymentResultSchema, create(PaymentResultSchema, { info })));
    expect(result).toBe(paymentResult + input);
  },

  "v27-ping": (input: { key: string; value: string }, expected: { message: string; answer: string }) => {
    const value = bytes(input.value);
    expect(hex(toBinary(PingPongSchema, create(PingPongSchema, { value })))).toBe(expected.message);
    expect(hex(keySigner(bytes(input.key)).sign(value))).toBe(expected.answer);
    expect(hex(rawSign(bytes(input.key), keccak256(value)))).toBe(expected.answer);
  },

  "v28-error-classification": (
    text: string,
    expected: { code: string; retry: string; isPeersFault: boolean; reason?: string },
  ) => {
    const { error, isPeersFault } = readLegacyPhrase(`${text}\n`, { pipeline: "text-to-image", model: "m" });
    expect({ code: error.code, retry: retryOf(error), isPeersFault }).toEqual({
      code: expected.code,
      retry: expected.retry,
      isPeersFault: expected.isPeersFault,
    });
    if (expected.reason !== undefined) expect(error.facts).toEqual({ reason: expected.reason });
  },
});

function rational([numerator, denominator]: readonly [string, string]): Rational {
  return Rational.of(BigInt(numerator), BigInt(denominator));
}

/** What a ticket's hash covers. Source: wire-protocol 8.2. */
function ticketPreimage({ sender, tickets }: ReturnType<typeof decodePayment>): Uint8Array {
  if (tickets === undefined) throw new Error("the payment has no tickets");
  const { params, expiration, signed } = tickets;
  const word = (value: bigint) => Buffer.concat([Buffer.alloc(32), bigIntegerBytes(value)]).subarray(-32);
  return Buffer.concat([
    addressBytes(params.recipient),
    addressBytes(sender),
    word(params.faceValue),
    word(params.winProbability),
    word(BigInt(signed[0]?.senderNonce ?? 0)),
    params.recipientRandHash,
    word(expiration.creationRound),
    expiration.creationRoundBlockHash,
  ]);
}
