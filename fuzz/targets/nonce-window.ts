import { NonceWindow } from "@rivulet/payments";
import { RivuletError } from "@rivulet/primitives";
import { fixpoint } from "../fixpoint.ts";
import { type Target, text, utf8 } from "../target.ts";

/** The nonces a store has kept, as text. Whatever the text, a window never takes the same nonce twice. */
export const target: Target = {
  name: "nonce-window",
  corpus: ["", "1", "1-600", "1-5,7,9-100", "0,4294967295"].map(utf8),
  words: ["-", ",", "4294967295", "600", "0"],
  fuzz(bytes) {
    const window = fixpoint(
      (input) => read(text(input)),
      (value) => utf8(`${value}`),
    )(bytes);
    for (const nonce of [0, 1, 2, 600, 4_294_967_295]) {
      window.take(nonce);
      if (window.take(nonce) === "fresh") throw new Error(`${nonce} was taken twice`);
    }
    return `${window}`;
  },
};

function read(input: string): NonceWindow {
  try {
    return NonceWindow.parse(input);
  } catch (error) {
    // Its message quotes the input, and every input would look new.
    if (error instanceof RangeError) throw new RivuletError("internal", {}, { cause: error });
    throw error;
  }
}
