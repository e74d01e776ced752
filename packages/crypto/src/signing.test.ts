import { describe, expect, test } from "vitest";
import { address, addressBytes, addressFromBytes, checksumAddress, ZERO_ADDRESS } from "./address.ts";
import { acceptAnySignature, keySigner, offChainSigner, rawSign, rawVerify, verifySignature } from "./signing.ts";

const KEY = new Uint8Array(32).fill(7);
const message = Buffer.from("a message");

describe("a signature", () => {
  test("is its signer's, over its message, and nobody else's", () => {
    const signer = keySigner(KEY);
    const other = keySigner(new Uint8Array(32).fill(8));
    const signature = signer.sign(message);
    expect(verifySignature(signer.address, message, signature)).toBe(true);
    expect(verifySignature(other.address, message, signature)).toBe(false);
    expect(verifySignature(signer.address, Buffer.from("another"), signature)).toBe(false);
  });

  test("covers messages of any length when it is over the message itself", () => {
    const { address } = keySigner(KEY);
    for (const length of [0, 31, 32, 33, 1000]) {
      const text = new Uint8Array(length).fill(1);
      expect(rawVerify(address, text, rawSign(KEY, text))).toBe(true);
    }
  });

  test.each([
    ["no bytes", new Uint8Array()],
    ["zeros", new Uint8Array(65)],
    ["r and s of zero", Uint8Array.from({ length: 65 }, (_, index) => (index === 64 ? 27 : 0))],
    ["r beyond the order", Uint8Array.from({ length: 65 }, (_, index) => (index === 64 ? 28 : index < 32 ? 255 : 1))],
    ["s beyond the order", Uint8Array.from({ length: 65 }, (_, index) => (index === 64 ? 27 : 255))],
    ["a byte too many", new Uint8Array(66).fill(27)],
  ])("of %s is nobody's", (_name, signature) => {
    expect(verifySignature(ZERO_ADDRESS, message, signature)).toBe(false);
  });

  test("is empty off-chain, where any will do", () => {
    expect(offChainSigner.sign(message)).toHaveLength(0);
    expect(offChainSigner.address).toBe(ZERO_ADDRESS);
    expect(acceptAnySignature(ZERO_ADDRESS, message, new Uint8Array())).toBe(true);
  });

  test("needs a key", () => {
    expect(() => keySigner(new Uint8Array(32))).toThrow(expect.objectContaining({ code: "config.invalid" }));
    expect(() => keySigner(new Uint8Array(31))).toThrow(expect.objectContaining({ code: "config.invalid" }));
  });
});

describe("an address", () => {
  test("has one form inside, and a checksummed one outside", () => {
    // From EIP-55.
    for (const text of [
      "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
      "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
      "0x52908400098527886E0F7030069857D2E4169EE7",
      "0xde709f2102306220921060314715629080e2fb77",
    ])
      expect(checksumAddress(address(text))).toBe(text);
    expect(() => address("0x12")).toThrow(TypeError);
  });

  test("is the last 20 bytes of more, and padded when there are fewer", () => {
    const bytes = Uint8Array.from({ length: 24 }, (_, index) => index);
    expect(addressBytes(addressFromBytes(bytes))).toEqual(bytes.subarray(4));
    expect(addressFromBytes(Uint8Array.of(1))).toBe(`0x${"0".repeat(39)}1`);
    expect(addressFromBytes(new Uint8Array())).toBe(ZERO_ADDRESS);
  });
});
