import { parseServerTiming } from "@rivulet/wire";
import { latin1, type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "server-timing",
  corpus: [utf8("queue;dur=1.5, load;dur=0, inference;dur=1200"), utf8('a;desc="x, y";dur=1')],
  words: [";dur=", ", ", "1e309", '"', "queue"],
  fuzz: (bytes) => parseServerTiming(latin1(bytes)),
};
