import { type Address, addressFromBytes } from "@rivulet/crypto";
import { ms, Rational } from "@rivulet/primitives";
import fc from "fast-check";
import type {
  AuthToken,
  Capabilities,
  Hardware,
  OrchestratorInfo,
  OrchestratorRequest,
  Payment,
  SegmentCredentials,
  TicketParams,
  WorkerJob,
  WorkerRegistration,
} from "../src/index.ts";

/** Values of every message, for properties that hold for all of them. */

const int64 = fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const uint256 = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
const text = fc.string({ unit: "grapheme", maxLength: 40 });
/** Keys that an object has from birth, too: they are names like any other. */
const key = fc.oneof(
  { weight: 9, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "toString") },
);

export const bytesUpTo = (maxLength: number): fc.Arbitrary<Uint8Array> =>
  // From this realm and of this kind, as decoders make them.
  fc.uint8Array({ maxLength }).map((bytes) => Uint8Array.from(bytes));
const bytesOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Uint8Array.from(bytes));
const address: fc.Arbitrary<Address> = bytesOf(20).map(addressFromBytes);
const price = fc
  .tuple(int64, fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }))
  .map(([numerator, denominator]) => Rational.of(numerator, denominator));
const maybe = <K extends string, T>(name: K, value: fc.Arbitrary<T>): fc.Arbitrary<{ [P in K]?: T }> =>
  fc.option(value, { nil: undefined }).map((item) => (item === undefined ? {} : { [name]: item }) as { [P in K]?: T });
const map = <K, V>(keys: fc.Arbitrary<K>, values: fc.Arbitrary<V>): fc.Arbitrary<Map<K, V>> =>
  fc.array(fc.tuple(keys, values), { maxLength: 5 }).map((entries) => new Map(entries));

export const capabilities: fc.Arbitrary<Capabilities> = fc.record({
  bits: fc.array(uint64, { maxLength: 4 }),
  mandatory: fc.array(uint64, { maxLength: 4 }),
  capacities: map(uint32, uint32),
  version: text,
  minVersion: text,
  models: map(
    uint32,
    map(key, fc.record({ isWarm: fc.boolean(), capacity: uint32, runnerVersion: text, capacityInUse: uint32 })),
  ),
});

export const authToken: fc.Arbitrary<AuthToken> = fc.record({
  token: bytesUpTo(40),
  sessionId: text,
  expiresAt: fc.integer({ min: -(10 ** 11), max: 10 ** 11 }).map((second) => ms(second * 1000)),
});

const expiration = fc.record({ creationRound: int64, creationRoundBlockHash: bytesUpTo(32) });

const ticketParams: fc.Arbitrary<TicketParams> = fc
  .tuple(
    fc.record({
      recipient: address,
      faceValue: uint256,
      winProbability: uint256,
      recipientRandHash: bytesUpTo(32),
      seed: uint256,
      expirationBlock: uint256,
    }),
    maybe("expiration", expiration),
  )
  .map(([params, rest]) => ({ ...params, ...rest }));

const signedTicket = fc.record({ senderNonce: uint32, signature: bytesUpTo(65) });

export const payment: fc.Arbitrary<Payment> = fc
  .tuple(
    fc.record({ sender: address }),
    maybe("expectedPrice", price),
    maybe("tickets", fc.record({ params: ticketParams, expiration, signed: fc.array(signedTicket, { maxLength: 5 }) })),
  )
  .map(([base, expectedPrice, tickets]) => ({ ...base, ...expectedPrice, ...tickets }));

export const hardware: fc.Arbitrary<Hardware> = fc.record({
  pipeline: text,
  model: text,
  gpus: map(
    key,
    fc.record({ id: text, name: text, major: uint32, minor: uint32, memoryFree: int64, memoryTotal: int64 }),
  ),
});

export const orchestratorInfo: fc.Arbitrary<OrchestratorInfo> = fc
  .tuple(
    fc.record({
      serviceUri: text,
      address,
      hardware: fc.array(hardware, { maxLength: 3 }),
      prices: fc.array(fc.record({ capability: uint32, constraint: text, price }), { maxLength: 3 }),
      nodes: fc.array(text, { maxLength: 3 }),
    }),
    maybe("capabilities", capabilities),
    maybe("authToken", authToken),
    maybe("price", price),
    maybe("ticketParams", ticketParams),
  )
  .map(([base, ...rest]) => Object.assign({}, base, ...rest));

export const orchestratorRequest: fc.Arbitrary<OrchestratorRequest> = fc
  .tuple(
    fc.record({ address, signature: bytesUpTo(65), ignoresCapacity: fc.boolean() }),
    maybe("capabilities", capabilities),
  )
  .map(([base, rest]) => ({ ...base, ...rest }));

export const segmentCredentials: fc.Arbitrary<SegmentCredentials> = fc
  .tuple(
    fc.record({
      manifestId: text,
      sequence: int64,
      hash: bytesOf(32),
      profiles: fc.constant([]),
      signature: bytesUpTo(65),
    }),
    maybe("capabilities", capabilities),
    maybe("authToken", authToken),
  )
  .map(([base, ...rest]) => Object.assign({}, base, ...rest));

export const registration: fc.Arbitrary<WorkerRegistration> = fc
  .tuple(
    fc.record({ secret: text, hardware: fc.array(hardware, { maxLength: 3 }) }),
    maybe("capabilities", capabilities),
  )
  .map(([base, rest]) => ({ ...base, ...rest }));

export const workerJob: fc.Arbitrary<WorkerJob> = fc.record({
  taskId: int64,
  pipeline: text,
  requestData: bytesUpTo(200),
});
