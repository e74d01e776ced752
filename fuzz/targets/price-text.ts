import { exactNumber, pixelsPerUnit, priceText } from "@rivulet/payments";
import { isError } from "@rivulet/primitives";
import { LONGEST_HANDWRITTEN, type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "price-text",
  longest: LONGEST_HANDWRITTEN,
  corpus: ["1000", "0.5USD", "100wei", "1e12", "-1.25e-3", "1/3"].map(utf8),
  words: ["USD", "eth", "wei", ".", "e", "E+", "e-", "/", "-", "99999999999999999999"],
  fuzz: (bytes) => [priceText, exactNumber, pixelsPerUnit].map((read) => shape(() => read(text(bytes)))),
};

/** What it read, or that it refused: each of the three sees every input. */
function shape(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (isError(error, "price.malformed")) return undefined;
    throw error;
  }
}
