import { byocSeconds } from "@rivulet/payments";
import { findPipeline, livePixels, type MediaFields, type Probes, parseRequest, workOf } from "@rivulet/pipelines";
import { ms, Rational } from "@rivulet/primitives";
import { expect } from "vitest";
import { testVectors } from "./vectors.ts";

interface UnitsInput {
  readonly pipeline: string;
  readonly price: string;
  readonly request: { readonly text?: string };
  readonly media: Probes<MediaFields>;
  readonly elapsedMs?: number;
  readonly elapsedSeconds?: number;
}

interface UnitsExpected {
  readonly gatewayUnits: string;
  readonly orchestratorUnits: string;
  readonly gatewayFee: string;
  readonly orchestratorDebit: string;
}

testVectors("fees", {
  "pipeline-units": (input: UnitsInput, expected: UnitsExpected) => {
    const units = unitsOf(input);
    const fee = (count: bigint) => `${Rational.parse(input.price).times(count)}`;
    // A stream's first payment is a buffer: nothing is charged for it.
    if (expected.orchestratorUnits !== "0") {
      expect(`${units}`).toBe(expected.orchestratorUnits);
      expect(fee(units)).toBe(expected.orchestratorDebit);
    }
    // Of a text to be spoken, the older gateways pay for the bytes; ours pay what both sides of our kind count.
    const { text } = input.request;
    const paid = text === undefined ? units : BigInt(Buffer.byteLength(text));
    expect(`${paid}`).toBe(expected.gatewayUnits);
    expect(fee(paid)).toBe(expected.gatewayFee);
  },
});

function unitsOf({ pipeline, request, media, elapsedMs, elapsedSeconds }: UnitsInput): bigint {
  if (elapsedSeconds !== undefined) return byocSeconds(elapsedSeconds * 1000);
  if (elapsedMs !== undefined) return livePixels(ms(elapsedMs));
  const found = findPipeline(pipeline);
  if (found === undefined) throw new Error(`there is no pipeline ${pipeline}`);
  return workOf(found, parseRequest(found, request), media).amount;
}
