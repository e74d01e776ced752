import { decodeWinningTicket, encodeWinningTicket } from "@rivulet/wire";
import { fixpoint } from "../fixpoint.ts";
import { hex, type Target } from "../target.ts";

export const target: Target = {
  name: "winning-ticket",
  corpus: [
    // Every field, in as few bytes as they have.
    hex("0a0c0a01021201031a01042201053201061201071a0508081201092205080912010a2a010b"),
    hex("0a001a002200"),
  ],
  words: [],
  fuzz: fixpoint(decodeWinningTicket, encodeWinningTicket),
};
