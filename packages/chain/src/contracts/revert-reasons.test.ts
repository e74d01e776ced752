import { RivuletError, retryOf } from "@rivulet/primitives";
import { encodeAbiParameters, encodeErrorResult, parseAbi } from "viem";
import { describe, expect, test } from "vitest";
import { revertError } from "./revert-reasons.ts";

function refusal(reason: string, data?: string): RivuletError<"chain.refused"> {
  return new RivuletError("chain.refused", { rpcCode: 3, reason, ...(data === undefined ? {} : { data }) });
}

function withReason(text: string): string {
  return `0x08c379a0${encodeAbiParameters([{ type: "string" }], [text]).slice(2)}`;
}

describe("a revert", () => {
  test("is known by the reason in its data, whatever the endpoint says beside it", () => {
    const error = revertError(refusal("VM Exception", withReason("ticket is used")), "redeemWinningTicket");
    expect(error).toMatchObject({
      code: "chain.ticket-used",
      facts: { reason: "redeemWinningTicket: ticket is used" },
    });
  });

  test("without data is known by the endpoint's words", () => {
    for (const words of [
      "execution reverted: system is paused",
      "VM Exception while processing transaction: reverted with reason string 'system is paused'",
      "Error: VM Exception while processing transaction: revert system is paused",
    ]) {
      expect(revertError(refusal(words), "f")).toMatchObject({ code: "chain.paused" });
    }
    const locked = "reverted with reason string 'can't update transcoder params, current round is locked'";
    expect(revertError(refusal(locked), "f")).toMatchObject({ code: "chain.round-locked" });
  });

  test("by a custom error is known by its name", () => {
    const abi = parseAbi(["error ECDSAInvalidSignature()", "error Panic(uint256 code)"]);
    const invalid = encodeErrorResult({ abi, errorName: "ECDSAInvalidSignature" });
    expect(revertError(refusal("", invalid), "f")).toMatchObject({ code: "chain.ticket-invalid" });
    const panic = encodeErrorResult({ abi, errorName: "Panic", args: [0x11n] });
    expect(revertError(refusal("", panic), "f")).toMatchObject({
      code: "chain.reverted",
      facts: { reason: "f: the contract panicked with code 17" },
    });
  });

  test("with a reason that nobody knows keeps it", () => {
    for (const [data, reason] of [
      [withReason("the moon is in the wrong house"), "f: the moon is in the wrong house"],
      ["0xdeadbeef", "f: the error 0xdeadbeef"],
      ["0x", "f: no reason given"],
    ] as const) {
      expect(revertError(refusal("execution reverted", data), "f")).toMatchObject({
        code: "chain.reverted",
        facts: { reason },
      });
    }
  });

  test("says whether the same may work later", () => {
    const retries = ["ticket is used", "ticket is expired", "sender is unlocked", "system is paused"].map((reason) =>
      retryOf(revertError(refusal("", withReason(reason)), "f")),
    );
    expect(retries).toEqual(["never", "never", "same-peer", "same-peer"]);
  });
});

test("what is no revert is left as it is", () => {
  for (const error of [refusal("nonce too low"), new RivuletError("chain.unavailable", {}), new Error("other")]) {
    expect(revertError(error, "f")).toBe(error);
  }
});
