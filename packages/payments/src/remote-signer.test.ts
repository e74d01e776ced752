import { address } from "@rivulet/crypto";
import { codeOf, httpOf, ms, Rational, RivuletError } from "@rivulet/primitives";
import { expect, test } from "vitest";
import {
  billedUnits,
  decideSigning,
  maxPriceOf,
  type SigningQuestion,
  STATE_LIFETIME,
  withCaller,
} from "./remote-signer.ts";
import { decodeSignerState, encodeSignerState, type SignerState } from "./signer-state.ts";

const NOW = ms(Date.parse("2026-01-02T03:04:05.678Z"));
const STATE: SignerState = {
  stateId: "0f1e2d3c",
  pmSessionId: "0xb239608d0970bcf5547213c7cab95707dfb0b9ba2a43302e6c2d1ff9c7779908",
  lastUpdate: NOW,
  orchestrator: address("0x70997970c51812dc3a010c7d01b50e0d17dc79c8"),
  app: "",
  authExpiry: 0,
  senderNonce: 2,
  balance: Rational.of(5n),
  initialPricePerUnit: 3n,
  initialPixelsPerUnit: 2n,
  type: "live",
  sequence: 0,
  authId: "",
};
const QUESTION: SigningQuestion = {
  orchestrator: STATE.orchestrator,
  pmSessionId: STATE.pmSessionId,
  pricePerUnit: 3n,
  pixelsPerUnit: 2n,
  ticketValue: Rational.of(10n),
  needsRefresh: false,
  manifestId: "m",
  app: "",
  type: "live",
  ceilings: [],
  now: ms(NOW + 20_000),
  newStateId: () => "fresh",
};

test("a state is written as other signers write it, and read back", () => {
  const text =
    '{"StateID":"0f1e2d3c","PMSessionID":"0xb239608d0970bcf5547213c7cab95707dfb0b9ba2a43302e6c2d1ff9c7779908",' +
    '"LastUpdate":"2026-01-02T03:04:05.678Z","OrchestratorAddress":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8",' +
    '"App":"","AuthExpiry":0,"SenderNonce":2,"Balance":"5","InitialPricePerUnit":3,"InitialPixelsPerUnit":2,' +
    '"Type":"lv2v","SequenceNumber":0,"AuthID":""}';
  const state: SignerState = { ...STATE, type: "lv2v" };
  expect(Buffer.from(encodeSignerState(state)).toString()).toBe(text);
  expect(decodeSignerState(Buffer.from(text))).toEqual(state);
});

test("times without a fraction are written without one", () => {
  const written = Buffer.from(encodeSignerState({ ...STATE, lastUpdate: ms(1_700_000_000_000) })).toString();
  expect(written).toContain('"LastUpdate":"2023-11-14T22:13:20Z"');
});

test.each([
  ["no JSON", "{"],
  ["no object", "3"],
  ["a missing value", "{}"],
  ["too many bytes", " ".repeat(20_000)],
  ["a balance that is no number", Buffer.from(encodeSignerState(STATE)).toString().replace('"5"', '"five"')],
])("a state with %s is refused", (_, text) => {
  expect(thrown(() => decodeSignerState(Buffer.from(text)))).toBe("signer.state-invalid");
});

test("the first call begins a session at the price of the day", () => {
  const { state, units, fee, tickets, credit } = decideSigning(undefined, QUESTION);
  expect({ units, fee: `${fee}`, tickets, credit: `${credit}` }).toEqual({
    units: 10n,
    fee: "15",
    tickets: 2,
    credit: "20",
  });
  expect(state).toMatchObject({ stateId: "fresh", sequence: 0, senderNonce: 0, balance: Rational.of(5n) });
});

test("later calls bill the time since the last one, at the price of the first", () => {
  const { state, units, fee } = decideSigning(STATE, { ...QUESTION, pricePerUnit: 1n });
  expect({ units, fee: `${fee}` }).toEqual({ units: 20n, fee: "30" });
  expect(state).toMatchObject({ sequence: 1, senderNonce: 2, lastUpdate: QUESTION.now, balance: Rational.of(5n) });
});

test("new parameters begin with new nonces", () => {
  expect(decideSigning(STATE, { ...QUESTION, pmSessionId: "0x01" }).state.senderNonce).toBe(0);
});

test.each<[string, Partial<SigningQuestion>, Partial<SignerState>]>([
  ["signer.state-mismatch", { app: "other" }, {}],
  ["signer.state-mismatch", { type: "fixed" }, {}],
  ["signer.state-mismatch", { orchestrator: address(`0x${"1".repeat(40)}`) }, {}],
  ["signer.state-replayed", { now: ms(NOW + STATE_LIFETIME + 1) }, {}],
  ["signer.request-invalid", { manifestId: "" }, {}],
  ["signer.request-invalid", { pricePerUnit: 0n }, {}],
  ["signer.request-invalid", { type: "" }, { type: "" }],
  ["signer.session-refresh", { needsRefresh: true }, {}],
  ["signer.price-exceeded", { pricePerUnit: 4n }, {}],
  ["signer.price-exceeded", { ceilings: [{ of: "request maxPrice", weiPerUnit: Rational.of(1n) }] }, {}],
  ["signer.nothing-to-pay", {}, { balance: Rational.of(1000n) }],
  ["signer.too-many-tickets", {}, { balance: Rational.of(-1000n) }],
  ["signer.state-invalid", {}, { initialPixelsPerUnit: 0n }],
])("%s when %o, %o", (code, question, state) => {
  expect(thrown(() => decideSigning({ ...STATE, ...state }, { ...QUESTION, ...question }))).toBe(code);
});

test("statuses are those that gateways look for", () => {
  const codes = ["signer.session-refresh", "signer.price-exceeded", "signer.nothing-to-pay"] as const;
  expect(codes.map((code) => httpOf(new RivuletError(code, {})))).toEqual([480, 481, 482]);
});

test("a session belongs to the caller that was named first", () => {
  const named = withCaller(STATE, "alice", 7);
  expect(named).toMatchObject({ authId: "alice", authExpiry: 7 });
  expect(withCaller(named, "", 0)).toMatchObject({ authId: "alice", authExpiry: 0 });
  expect(thrown(() => withCaller(named, "bob", 0))).toBe("signer.caller-changed");
});

test("units that the caller counts are taken as they are, and must be there", () => {
  expect(billedUnits("", ms(0), 7n)).toBe(7n);
  expect(thrown(() => billedUnits("", ms(0)))).toBe("signer.request-invalid");
});

test("a caller's limit names the unit of its payment", () => {
  expect(`${maxPriceOf({ price: "0.25", currency: "wei", unit: "seconds" }, "live")}`).toBe("1/4");
  for (const [text, type] of [
    [{ price: "1e3", currency: "wei", unit: "seconds" }, "live"],
    [{ price: "0", currency: "wei", unit: "seconds" }, "live"],
    [{ price: "1", currency: "usd", unit: "seconds" }, "live"],
    [{ price: "1", currency: "wei", unit: "fixed" }, "live"],
    [{ price: "1", currency: "wei", unit: "seconds" }, ""],
  ] as const)
    expect(thrown(() => maxPriceOf(text, type))).toBe("signer.request-invalid");
});

function thrown(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return codeOf(error);
  }
  return undefined;
}
