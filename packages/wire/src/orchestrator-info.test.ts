import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ZERO_ADDRESS } from "@rivulet/crypto";
import { Rational } from "@rivulet/primitives";
import { describe, expect, test } from "vitest";
import { NO_CAPABILITIES } from "./capabilities.ts";
import { OrchestratorInfoSchema } from "./gen/lp_rpc_pb.ts";
import {
  decodeOrchestratorInfo,
  decodeOrchestratorRequest,
  encodeOrchestratorInfo,
  encodeOrchestratorRequest,
} from "./orchestrator-info.ts";

const request = { address: ZERO_ADDRESS, signature: new Uint8Array(), ignoresCapacity: false };
const info = { serviceUri: "https://o:8935", address: ZERO_ADDRESS, hardware: [], prices: [], nodes: [] };
const bytes = (init: MessageInitShape<typeof OrchestratorInfoSchema>) =>
  toBinary(OrchestratorInfoSchema, create(OrchestratorInfoSchema, init));

describe("an orchestrator request", () => {
  test("without capabilities is another than one that wants none", () => {
    expect(decodeOrchestratorRequest(encodeOrchestratorRequest(request)).capabilities).toBeUndefined();
    const wanting = { ...request, capabilities: NO_CAPABILITIES };
    expect(decodeOrchestratorRequest(encodeOrchestratorRequest(wanting)).capabilities).toEqual(NO_CAPABILITIES);
  });
});

describe("an orchestrator's answer", () => {
  test("always has constraints beside its capabilities", () => {
    const message = fromBinary(
      OrchestratorInfoSchema,
      encodeOrchestratorInfo({ ...info, capabilities: NO_CAPABILITIES }),
    );
    expect(message.capabilities?.constraints).toBeDefined();
  });

  test("holds exact prices where the network's numbers can, else whole wei below", () => {
    const told = (price: Rational) => decodeOrchestratorInfo(encodeOrchestratorInfo({ ...info, price })).price;
    expect(told(Rational.of(10n, 4n))).toEqual(Rational.of(5n, 2n));
    expect(told(Rational.of(2n ** 70n + 1n, 2n ** 69n))).toEqual(Rational.of(2n));
    expect(told(Rational.of(2n ** 70n))).toEqual(Rational.of(2n ** 63n - 1n));
  });

  test.each([
    ["a price for no units", bytes({ priceInfo: { pricePerUnit: 1n } })],
    ["a listed price for no units", bytes({ capabilitiesPrices: [{ capability: 27 }] })],
    ["nodes without end", bytes({ nodes: Array(1001).fill("https://n:1") })],
    ["bytes that end early", encodeOrchestratorInfo(info).subarray(0, -1)],
  ])("is refused with %s", (_name, answer) => {
    expect(() => decodeOrchestratorInfo(answer)).toThrow(expect.objectContaining({ code: "peer.protocol" }));
  });
});
