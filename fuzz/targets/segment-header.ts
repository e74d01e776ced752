import { decodeSegmentCredentials, encodeSegmentCredentials, flatten } from "@rivulet/wire";
import vectors from "../../vectors/wire/v14-segment-header.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { latin1, type Target, utf8 } from "../target.ts";

const read = fixpoint(
  (bytes) => decodeSegmentCredentials(latin1(bytes)),
  (credentials) => utf8(encodeSegmentCredentials(credentials)),
);

export const target: Target = {
  name: "segment-header",
  corpus: vectors.cases.map(({ input }) => utf8(input)),
  words: ["=", "==", "AAAA"],
  fuzz: (bytes) => {
    const credentials = read(bytes);
    return { credentials, flattened: flatten(credentials) };
  },
};
