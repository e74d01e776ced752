import { type ErrorCode, errorKinds, RivuletError, retryOf } from "@rivulet/primitives";
import { describe, expect, test } from "vitest";
import { legacyPhraseOf, readLegacyPhrase } from "./legacy-phrases.ts";

const job = { pipeline: "text-to-image", model: "m" };

describe("a phrase of the network", () => {
  test.each([
    [new RivuletError("capacity.exhausted", job), "insufficient capacity"],
    [new RivuletError("payment.params-expired", {}), "TicketParams expired"],
    [new RivuletError("payment.insufficient-balance", {}), "Insufficient balance"],
    [new RivuletError("payment.price-too-low", {}), "expected price too low: TicketParams expired"],
    [new RivuletError("payment.ticket-invalid", { reason: "invalid ticket signature" }), "invalid ticket signature"],
    [new RivuletError("payment.ticket-invalid", { reason: "seven" }), "invalid ticket"],
    [new RivuletError("payment.nonce-reused", {}), "invalid ticket senderNonce: already seen"],
    [new RivuletError("payment.reserve-insufficient", {}), "insufficient sender reserve"],
    [new RivuletError("credentials.bad-signature", {}), "ErrSegSig"],
    [new RivuletError("credentials.malformed", {}), "ErrorSegEncoding"],
    [new RivuletError("credentials.token-expired", {}), "expired auth token"],
    [new RivuletError("worker.none-available", {}), "no workers can process job requested"],
    [new RivuletError("worker.secret-rejected", {}), "invalid secret"],
    [new RivuletError("auth.rejected", {}), "Unauthorized"],
    [new RivuletError("request.rejected-by-model", { reason: "too\nlarge" }), "container returned 400: too large"],
    [
      new RivuletError("request.rejected-by-model", { field: "loras", reason: "none here" }),
      "container returned 400: loras: none here",
    ],
  ])("is said for %s", (error, phrase) => {
    expect(legacyPhraseOf(error)).toBe(phrase);
  });

  test("says nothing of errors that are not ours", () => {
    expect(legacyPhraseOf(new Error("password=hunter2"))).not.toContain("hunter2");
  });

  test("is known again by those who hear it, wherever it is a phrase", () => {
    const plain = (Object.keys(errorKinds) as ErrorCode[]).filter((code) =>
      /^(credentials|worker|payment)\./.test(code),
    );
    for (const code of plain) {
      const error = new RivuletError(code, { reason: "x" } as never);
      const { error: heard } = readLegacyPhrase(`${legacyPhraseOf(error)}\n`, job);
      if (heard.code !== "peer.failed") expect(heard.code).toBe(code);
    }
  });

  test("about the application's request comes back as that, with the words behind it", () => {
    const said = legacyPhraseOf(new RivuletError("request.media-undecodable", { field: "image", reason: "cut short" }));
    const { error, isPeersFault } = readLegacyPhrase(`image-to-image ${said}`, job);
    expect(error.code).toBe("request.rejected-by-model");
    expect(isPeersFault).toBe(false);
  });

  test.each([
    [new RivuletError("request.rejected-by-model", { field: "loras", reason: "none here" })],
    [new RivuletError("request.rejected-by-model", { reason: "none here" })],
  ])("in the words of one of our own runners, as others repeat them, is the error it was: %s", (error) => {
    const { error: heard } = readLegacyPhrase(`text-to-image container returned 400: ${error.message}\n`, job);
    expect([heard.code, heard.facts, heard.message]).toEqual([error.code, error.facts, error.message]);
  });

  test("that nobody knows is the peer's failure, cut to a readable length", () => {
    const { error, isPeersFault } = readLegacyPhrase("x".repeat(10_000), job);
    expect(error.code).toBe("peer.failed");
    expect(error.message.length).toBeLessThan(1100);
    expect([isPeersFault, retryOf(error)]).toEqual([true, "other-peer"]);
  });
});
