import { decodeOrchestratorInfo, encodeOrchestratorInfo } from "@rivulet/wire";
import capabilities from "../../vectors/wire/v08-capabilities.json" with { type: "json" };
import info from "../../vectors/wire/v24-orchestrator-info.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { hex, type Target } from "../target.ts";

const whole = info.cases[0]?.input ?? "";
const [offer = ""] = capabilities.cases.map(({ expected }) => expected);

export const target: Target = {
  name: "orchestrator-info",
  corpus: [
    hex(whole),
    hex(`${whole}2a${(offer.length / 2).toString(16)}${offer}320b0a01001204616263641801`),
    hex("12180a01011201021a010322010428010532010632060801120107"),
  ],
  words: ["https://n:8935", "__proto__"],
  fuzz: fixpoint(decodeOrchestratorInfo, encodeOrchestratorInfo),
};
