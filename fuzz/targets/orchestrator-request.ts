import { decodeOrchestratorRequest, encodeOrchestratorRequest } from "@rivulet/wire";
import vectors from "../../vectors/wire/v03-orchestrator-request.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { hex, type Target } from "../target.ts";

const [message = ""] = vectors.cases.map(({ expected }) => expected.message);

export const target: Target = {
  name: "orchestrator-request",
  corpus: [hex(message), hex(`${message}1a002001`), hex("1a0a0a04ffbf81202a020a00")],
  fuzz: fixpoint(decodeOrchestratorRequest, encodeOrchestratorRequest),
};
