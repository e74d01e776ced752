import { decodeSignerState, encodeSignerState } from "@rivulet/payments";
import { fixpoint } from "../fixpoint.ts";
import { type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "signer-state",
  corpus: [
    utf8(
      '{"StateID":"0f1e2d3c","PMSessionID":"0xb2","LastUpdate":"2026-01-02T03:04:05.678Z",' +
        '"OrchestratorAddress":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","App":"","AuthExpiry":0,"SenderNonce":2,' +
        '"Balance":"-5/3","InitialPricePerUnit":3,"InitialPixelsPerUnit":2,"Type":"lv2v","SequenceNumber":0,"AuthID":""}',
    ),
  ],
  words: ["StateID", "LastUpdate", "Balance", "Type", "live", "fixed", "9007199254740993", "1e3", "null", "-"],
  fuzz: fixpoint(decodeSignerState, encodeSignerState),
};
