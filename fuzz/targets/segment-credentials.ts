import { acceptAnySignature, verifySignature, ZERO_ADDRESS } from "@rivulet/crypto";
import { ms } from "@rivulet/primitives";
import {
  AuthTokens,
  decodeSegmentCredentialsBytes,
  encodeSegmentCredentialsBytes,
  NO_CAPABILITIES,
  verifySegmentCredentials,
} from "@rivulet/wire";
import vectors from "../../vectors/wire/v14-segment-header.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { hex, type Target } from "../target.ts";

const read = fixpoint(decodeSegmentCredentialsBytes, encodeSegmentCredentialsBytes);
const tokens = new AuthTokens(hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));

/** A profile of each list, with one field of every kind. */
const PROFILES = hex(
  ["8a0214", "920214", "9a0214"].map((tag) => `${tag}82010470313434880101a001be0ea801b801c801d801`).join(""),
);

export const target: Target = {
  name: "segment-credentials",
  corpus: [...vectors.cases.map(({ input }) => Uint8Array.from(Buffer.from(input, "base64"))), PROFILES],
  fuzz: (bytes) => {
    const credentials = read(bytes);
    const check = {
      sender: ZERO_ADDRESS,
      capabilities: { ...NO_CAPABILITIES, bits: [2n ** 64n - 1n] },
      tokens,
      now: ms(0),
    };
    verifySignature(ZERO_ADDRESS, credentials.hash, credentials.signature);
    return verifySegmentCredentials(credentials, { ...check, verifySignature: acceptAnySignature });
  },
};
