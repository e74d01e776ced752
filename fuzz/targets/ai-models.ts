import { parseAiModels } from "@rivulet/node";
import { LONGEST_HANDWRITTEN, type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "ai-models",
  longest: LONGEST_HANDWRITTEN,
  corpus: [
    utf8(
      '[{"pipeline":"text-to-image","model_id":"a/b","price_per_unit":4768371,"pixels_per_unit":1,"warm":true,"capacity":2}]',
    ),
    utf8(
      '[{"pipeline":"llm","model_id":"m","price_per_unit":"0.1e-3USD","url":"http://127.0.0.1:8000","token":"env:T","currency":"USD","gateways":[]}]',
    ),
    utf8("text-to-image:a/b:true,llm:m:false"),
  ],
  words: [
    "pipeline",
    "model_id",
    "warm",
    "price_per_unit",
    "pixels_per_unit",
    "url",
    "token",
    "capacity",
    "optimization_flags",
    "currency",
    "USD",
    "wei",
    "eth",
    ":",
    ",",
  ],
  fuzz: (bytes) => parseAiModels(text(bytes)),
};
