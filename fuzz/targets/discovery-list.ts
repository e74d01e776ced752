import { parseDiscoveryList } from "@rivulet/gateway";
import { type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "discovery-list",
  corpus: [utf8('[{"address":"https://o:8935","score":1.0},{"address":"o"}]'), utf8("[]")],
  words: ['{"address":', '"https://', ":8935", "[::1]", "null"],
  fuzz: (bytes) => parseDiscoveryList(text(bytes)),
};
