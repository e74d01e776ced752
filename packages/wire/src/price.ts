import type { MessageInitShape } from "@bufbuild/protobuf";
import { Rational, RivuletError } from "@rivulet/primitives";
import type { PriceInfo, PriceInfoSchema } from "./gen/lp_rpc_pb.ts";
import type { MalformedCode } from "./protobuf.ts";

/** Wei for one unit of work. Which unit is not on the wire: whoever reads a price knows the pipeline it is for. */
export type WeiPerUnit = Rational;

const MAX_INT64 = 2n ** 63n - 1n;

/** The price in a message. Throws `code` when it is per no units at all. */
export function weiPerUnitOf(message: PriceInfo, code: MalformedCode): WeiPerUnit {
  if (message.pixelsPerUnit === 0n) throw new RivuletError(code, { reason: "pixels per unit is 0" });
  return Rational.of(message.pricePerUnit, message.pixelsPerUnit);
}

/** The exact fraction where the network's numbers can hold it, else rounded down to whole wei. Source: wire-protocol 3.7. */
export function priceMessage(price: WeiPerUnit): MessageInitShape<typeof PriceInfoSchema> {
  return fits(price.numerator) && fits(price.denominator)
    ? { pricePerUnit: price.numerator, pixelsPerUnit: price.denominator }
    : { pricePerUnit: clamped(price.floor()), pixelsPerUnit: 1n };
}

/** A price as a peer will read it: what is not told exactly must not be asked exactly either. */
export function toldPrice(price: WeiPerUnit): WeiPerUnit {
  const { pricePerUnit = 0n, pixelsPerUnit = 1n } = priceMessage(price);
  return Rational.of(pricePerUnit, pixelsPerUnit);
}

function fits(value: bigint): boolean {
  return value <= MAX_INT64 && value >= -MAX_INT64;
}

/** Nobody could pay either; a price that is too large to write stays out of reach. */
function clamped(value: bigint): bigint {
  return value > MAX_INT64 ? MAX_INT64 : value < -MAX_INT64 ? -MAX_INT64 : value;
}
