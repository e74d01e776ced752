import { decodeWorkerRequest, encodeWorkerRequest } from "@rivulet/wire";
import { fixpoint } from "../fixpoint.ts";
import { type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "worker-request",
  corpus: [
    utf8('{"input_url":"","request":{"model_id":"livepeer/model1","prompt":"test prompt"}}'),
    utf8(
      '{"input_url":"https://o:8935/stream/1f2e3d4c/9a8b7c6d.tempfile","request":{"image":null,"model_id":"m","seed":1}}',
    ),
  ],
  words: ['"input_url":', '"request":', "null", "__proto__", "[]"],
  fuzz: fixpoint(decodeWorkerRequest, encodeWorkerRequest),
};
