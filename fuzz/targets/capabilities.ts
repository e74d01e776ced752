import { decodeCapabilities, encodeCapabilities, isCompatible, numbersOf } from "@rivulet/wire";
import vectors from "../../vectors/wire/v08-capabilities.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { hex, type Target } from "../target.ts";

const read = fixpoint(decodeCapabilities, encodeCapabilities);

export const target: Target = {
  name: "capabilities",
  corpus: [...vectors.cases.map(({ expected }) => hex(expected)), hex("0a06ffbf81e0ff02"), hex("120101")],
  words: ["__proto__", "constructor", "undefined", "0.9.1", "v1.2.3-x+y"],
  fuzz: (bytes) => {
    const value = read(bytes);
    return { value, numbers: numbersOf(value.bits).length, isOwnPeer: isCompatible(value, value) };
  },
};
