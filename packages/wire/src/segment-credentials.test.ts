import { create, toBinary } from "@bufbuild/protobuf";
import { acceptAnySignature, keySigner, offChainSigner, verifySignature, ZERO_ADDRESS } from "@rivulet/crypto";
import { ms } from "@rivulet/primitives";
import { describe, expect, test } from "vitest";
import { AUTH_TOKEN_LIFETIME, AuthTokens } from "./auth-token.ts";
import { NO_CAPABILITIES } from "./capabilities.ts";
import { bitsOf } from "./capability-bits.ts";
import { SegDataSchema } from "./gen/lp_rpc_pb.ts";
import { writeBase64 } from "./protobuf.ts";
import {
  batchManifestId,
  decodeSegmentCredentials,
  encodeSegmentCredentials,
  signSegmentCredentials,
  verifySegmentCredentials,
} from "./segment-credentials.ts";

const now = ms(1_700_000_000_000);
const tokens = new AuthTokens(new Uint8Array(32).fill(1));
const capabilities = { ...NO_CAPABILITIES, bits: bitsOf([27]) };
const signer = keySigner(new Uint8Array(32).fill(7));
const claims = {
  manifestId: batchManifestId(27, "stabilityai/sd-turbo"),
  capabilities,
  authToken: tokens.issue("f1405ced", now),
};
const check = { sender: signer.address, capabilities, tokens, verifySignature, now };
const received = (credentials = signSegmentCredentials(claims, signer)) =>
  decodeSegmentCredentials(encodeSegmentCredentials(credentials));
const code = (expected: string) => expect.objectContaining({ code: expected });

describe("segment credentials", () => {
  test("are good when everything is", () => {
    const verified = verifySegmentCredentials(received(), check);
    expect(verified.manifestId).toBe("27_stabilityai/sd-turbo");
    expect(verified.authToken.sessionId).toBe("f1405ced");
  });

  test("are good without signature off-chain", () => {
    const credentials = received(signSegmentCredentials(claims, offChainSigner));
    const offChain = { ...check, sender: ZERO_ADDRESS, verifySignature: acceptAnySignature };
    expect(verifySegmentCredentials(credentials, offChain).signature).toHaveLength(0);
  });

  test("are checked in the network's order: signature, capabilities, token", () => {
    const { authToken: _, ...bare } = received();
    const strange = { ...bare, capabilities: { ...NO_CAPABILITIES, bits: bitsOf([28]) } };
    const forged = { ...strange, manifestId: "27_another" };
    expect(() => verifySegmentCredentials(forged, check)).toThrow(code("credentials.bad-signature"));
    expect(() => verifySegmentCredentials(strange, check)).toThrow(code("credentials.incompatible"));
    expect(() => verifySegmentCredentials(bare, check)).toThrow(code("credentials.token-missing"));
  });

  test("that name no capabilities want none", () => {
    const { capabilities: _, ...bare } = received();
    expect(verifySegmentCredentials(bare, check).capabilities).toBeUndefined();
  });

  test("need a token of this process, in its time", () => {
    const late = ms(now + AUTH_TOKEN_LIFETIME);
    expect(() => verifySegmentCredentials(received(), { ...check, tokens: new AuthTokens(Uint8Array.of(2)) })).toThrow(
      code("credentials.token-invalid"),
    );
    const stretched = { ...claims, authToken: { ...claims.authToken, expiresAt: ms(late + 1000) } };
    expect(() => verifySegmentCredentials(received(signSegmentCredentials(stretched, signer)), check)).toThrow(
      code("credentials.token-invalid"),
    );
    expect(verifySegmentCredentials(received(), { ...check, now: late }).authToken.expiresAt).toBe(late);
    expect(() => verifySegmentCredentials(received(), { ...check, now: ms(late + 1000) })).toThrow(
      code("credentials.token-expired"),
    );
  });

  test("are empty in an empty header, and fail for what is missing", () => {
    const empty = decodeSegmentCredentials(undefined);
    expect(empty).toEqual(decodeSegmentCredentials(""));
    expect(() => verifySegmentCredentials(empty, { ...check, verifySignature: acceptAnySignature })).toThrow(
      code("credentials.token-missing"),
    );
  });

  test.each([
    ["no base64", "abc"],
    ["base64 of another alphabet", "_-__"],
    ["no message", writeBase64(Uint8Array.of(0xff))],
    ["groups within groups", writeBase64(new Uint8Array(30_000).fill(0x0b))],
    ["a duration that is none", segment({ duration: -1 })],
    ["a duration beyond five minutes", segment({ duration: 300_001 })],
    ["an unknown codec", fromHex("9a0203c80104")],
    ["an unknown format", fromHex("920203a80102")],
    ["an unknown encoder profile", fromHex("8a020cb801ffffffffffffffffff01")],
    ["a manifest id that is a book", segment({ manifestId: new Uint8Array(1025).fill(0x61) })],
    ["a manifest id that is no text", segment({ manifestId: Uint8Array.of(0xff) })],
    ["more words than there are capabilities", segment({ capabilities: { bitstring: Array(65).fill(1n) } })],
    ["more than fits", "A".repeat(64 * 1024 + 4)],
  ])("are refused with %s", (_name, header) => {
    expect(() => decodeSegmentCredentials(header)).toThrow(code("credentials.malformed"));
  });
});

function segment(init: Parameters<typeof create<typeof SegDataSchema>>[1]): string {
  return writeBase64(toBinary(SegDataSchema, create(SegDataSchema, init)));
}

function fromHex(digits: string): string {
  return Buffer.from(digits, "hex").toString("base64");
}
