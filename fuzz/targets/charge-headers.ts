import { CHARGE_HEADERS, chargeHeaders, chargeOf } from "@rivulet/wire";
import { latin1, type Target, utf8 } from "../target.ts";

/** Three lines are the three headers. What is read must be written as it was meant. */
export const target: Target = {
  name: "charge-headers",
  corpus: [utf8("262144\n4768371\n1249999847424"), utf8("3\n1/3\n1"), utf8("0\n0\n0")],
  words: ["\n", "/", "-", "1/3", "0x1"],
  fuzz: (bytes) => {
    const lines = latin1(bytes).split("\n");
    const charge = chargeOf(Object.fromEntries(CHARGE_HEADERS.map((name, index) => [name, lines[index]])));
    if (charge === undefined) return undefined;
    const again = chargeOf(chargeHeaders(charge));
    if (String(again?.cost) !== String(charge.cost) || again?.units !== charge.units)
      throw new Error("a charge is not what it was");
    return charge;
  },
};
