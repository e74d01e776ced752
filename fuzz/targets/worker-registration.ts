import { decodeRegistration, encodeRegistration } from "@rivulet/wire";
import vectors from "../../vectors/wire/v23-worker-messages.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { hex, type Target } from "../target.ts";

export const target: Target = {
  name: "worker-registration",
  corpus: vectors.cases.filter(({ input }) => "secret" in input).map(({ expected }) => hex(expected)),
  words: ["__proto__", "GPU-1"],
  fuzz: fixpoint(decodeRegistration, encodeRegistration),
};
