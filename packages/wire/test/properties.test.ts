import { isError } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeAuthToken,
  decodeCapabilities,
  decodeOrchestratorInfo,
  decodeOrchestratorRequest,
  decodePayment,
  decodePaymentBytes,
  decodeRegistration,
  decodeSegmentCredentials,
  decodeSegmentCredentialsBytes,
  decodeWorkerJob,
  decodeWorkerRequest,
  EventLines,
  encodeAuthToken,
  encodeCapabilities,
  encodeFormData,
  encodeOrchestratorInfo,
  encodeOrchestratorRequest,
  encodePayment,
  encodePaymentBytes,
  encodeRegistration,
  encodeResult,
  encodeSegmentCredentials,
  encodeSegmentCredentialsBytes,
  encodeWorkerJob,
  encodeWorkerRequest,
  eventOf,
  findBoundary,
  formOf,
  parseContentType,
  parseMultipart,
  readLegacyPhrase,
  resultOf,
} from "../src/index.ts";
import * as arbitraries from "./arbitraries.ts";

/** A codec: what is written is read again, and what nobody wrote is refused in our words. */
interface Codec {
  readonly name: string;
  /** Some value there and back, and the bytes it was between. */
  readonly roundTrip: fc.Arbitrary<{ readonly value: unknown; readonly again: unknown; readonly bytes: Uint8Array }>;
  readonly decode: (bytes: Uint8Array) => unknown;
}

function codec<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Codec {
  const roundTrip = values.map((value) => {
    const bytes = encode(value);
    return { value, again: decode(bytes), bytes };
  });
  return { name, roundTrip, decode };
}

const utf8 = (text: string) => new Uint8Array(Buffer.from(text));
const { capabilities, authToken, payment, segmentCredentials, registration, workerJob } = arbitraries;
const { orchestratorInfo, orchestratorRequest } = arbitraries;

const codecs: readonly Codec[] = [
  codec("Capabilities", capabilities, encodeCapabilities, decodeCapabilities),
  codec("AuthToken", authToken, encodeAuthToken, decodeAuthToken),
  codec("OrchestratorRequest", orchestratorRequest, encodeOrchestratorRequest, decodeOrchestratorRequest),
  codec("OrchestratorInfo", orchestratorInfo, encodeOrchestratorInfo, decodeOrchestratorInfo),
  codec("Payment", payment, encodePaymentBytes, decodePaymentBytes),
  codec("SegData", segmentCredentials, encodeSegmentCredentialsBytes, decodeSegmentCredentialsBytes),
  codec("RegisterAIWorkerRequest", registration, encodeRegistration, decodeRegistration),
  codec("NotifyAIJob", workerJob, encodeWorkerJob, decodeWorkerJob),
  codec(
    "Livepeer-Payment",
    payment,
    (value) => utf8(encodePayment(value)),
    (bytes) => decodePayment(Buffer.from(bytes).toString("latin1")),
  ),
  codec(
    "Livepeer-Segment",
    segmentCredentials,
    (value) => utf8(encodeSegmentCredentials(value)),
    (bytes) => decodeSegmentCredentials(Buffer.from(bytes).toString("latin1")),
  ),
];

/** Runs `parse`; its value, or nothing when it refused in our words. Anything else it throws is a bug. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!isError(error)) throw error;
    return undefined;
  }
}

describe.each(codecs)("$name", ({ roundTrip, decode }) => {
  test("is read as it was written", () => {
    fc.assert(fc.property(roundTrip, ({ value, again }) => void expect(again).toEqual(value)));
  });

  test("any bytes are a value or one of our errors", () => {
    fc.assert(
      fc.property(arbitraries.bytesUpTo(300), (bytes) => void attempt(() => decode(bytes))),
      { numRuns: 500 },
    );
  });

  test("damaged bytes are a value or one of our errors", () => {
    const damage = fc.record({ at: fc.nat(), bit: fc.nat({ max: 7 }), cut: fc.nat({ max: 10 }) });
    fc.assert(
      fc.property(roundTrip, damage, ({ bytes }, { at, bit, cut }) => {
        const damaged = Uint8Array.from(bytes);
        if (damaged.length > 0) damaged[at % damaged.length] = (damaged[at % damaged.length] ?? 0) ^ (1 << bit);
        attempt(() => decode(damaged.subarray(0, Math.max(0, damaged.length - cut))));
      }),
      { numRuns: 300 },
    );
  });
});

describe("multipart", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter((text) => !/[\r\n]/.test(text));
  const file = fc.record({ bytes: arbitraries.bytesUpTo(400), filename: name });
  const forms = fc
    .uniqueArray(name, { maxLength: 8 })
    .chain((names) => fc.tuple(...names.map((key) => fc.tuple(fc.constant(key), fc.oneof(file, fc.string())))));

  test("a form is read as it was written", () => {
    fc.assert(
      fc.property(forms, (entries) => {
        const files = entries.flatMap(([key, value]) => (typeof value === "string" ? [] : [[key, value] as const]));
        const fields = entries.flatMap(([key, value]) => (typeof value === "string" ? [[key, value] as const] : []));
        const { contentType, body } = encodeFormData(files, fields);
        const form = formOf(parseMultipart(body, findBoundary(contentType, "form-data") ?? ""));
        expect(Object.fromEntries(form.fields)).toEqual(
          Object.fromEntries(fields.map(([k, v]) => [k, Buffer.from(v).toString()])),
        );
        expect(
          [...form.files].map(([key, { bytes, filename }]) => [key, filename, Buffer.from(bytes).toString("hex")]),
        ).toEqual(files.map(([key, { bytes, filename }]) => [key, filename, Buffer.from(bytes).toString("hex")]));
      }),
    );
  });

  test("a result is read as it was written", () => {
    const filename = fc.stringMatching(/^[a-z0-9]{1,8}\.(png|mp4|wav)$/);
    const content = fc.record({
      bytes: arbitraries.bytesUpTo(100),
      contentType: fc.constantFrom("image/png", "audio/wav"),
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filename, content), { maxLength: 4 }),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (entries, value) => {
          const response: Record<string, unknown> = JSON.parse(JSON.stringify(value));
          const { contentType, body } = encodeResult({ response, files: new Map(entries) });
          const result = resultOf(parseMultipart(body, findBoundary(contentType, "mixed") ?? ""));
          expect(result.response).toEqual(response);
          expect([...result.files.keys()]).toEqual([...new Map(entries).keys()]);
        },
      ),
    );
  });

  test("any bytes between delimiters are parts or one of our errors", () => {
    const pieces = fc.constantFrom(
      "--b",
      "\r\n",
      "--",
      "\r\n--b",
      ": ",
      "Content-Disposition: form-data; name=",
      '"',
      ";",
      " ",
      "x",
      "\n",
      "\\",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (texts) => {
        const parts = attempt(() => parseMultipart(Buffer.from(texts.join("")), "b"));
        if (parts !== undefined) attempt(() => formOf(parts));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("an event stream", () => {
  test("carries the same whatever pieces it arrives in", () => {
    const texts = fc.array(fc.json(), { maxLength: 5 });
    fc.assert(
      fc.property(texts, fc.infiniteStream(fc.integer({ min: 1, max: 30 })), (events, sizes) => {
        const bytes = Buffer.from(events.map(eventOf).join(""));
        const lines = new EventLines();
        const found: string[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = Number(sizes.next().value);
          found.push(...lines.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect([...found, ...lines.end()]).toEqual(events);
      }),
    );
  });
});

describe("texts of peers", () => {
  test("any content type is read or not one", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void parseContentType(text)));
  });

  test("any words of a peer are one of our errors", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(isError(readLegacyPhrase(text, { pipeline: "p", model: "m" }).error)).toBe(true);
      }),
    );
  });

  test("a worker's request is read as it was written, fields of null left out", () => {
    const request = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant(null)));
    fc.assert(
      fc.property(fc.webUrl(), request, (inputUrl, fields) => {
        const value = { inputUrl, request: fields };
        const again = decodeWorkerRequest(encodeWorkerRequest(value));
        expect(again.inputUrl).toBe(inputUrl);
        expect(Object.entries(again.request)).toEqual(Object.entries(fields).filter(([, field]) => field !== null));
      }),
    );
    fc.assert(fc.property(arbitraries.bytesUpTo(100), (bytes) => void attempt(() => decodeWorkerRequest(bytes))));
  });
});
