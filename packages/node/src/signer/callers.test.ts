import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isError } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { askWebhook, callersByKey, SignerRefusal } from "./callers.ts";
import { headerPairs } from "./header-pairs.ts";

const KEY = "0123456789abcdef-a-key";

test("a caller is who its key says, and nobody else gets in", () => {
  const callerOf = callersByKey(`one ${KEY}\ntwo fedcba9876543210-its-key`, "keys");
  expect(callerOf({ authorization: `Bearer ${KEY}` })).toBe("one");
  for (const authorization of [undefined, "", KEY, `Bearer ${KEY}x`, "Basic x"])
    expect(() => callerOf(authorization === undefined ? {} : { authorization })).toThrow(SignerRefusal);
});

async function webhook(answer: (body: string) => readonly [number, unknown]) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const [status, told] = answer(body);
    response.writeHead(status).end(typeof told === "string" ? told : JSON.stringify(told));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    options: { url: `http://127.0.0.1:${port}/`, headers: { "x-own": "secret" } },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

test("a webhook says who calls, until when, and what may be paid", async () => {
  const heard: unknown[] = [];
  await using hook = await webhook((body) => {
    heard.push(JSON.parse(body));
    const maxPrice = { price: "3", currency: "wei", unit: "seconds" };
    return [200, { status: 200, auth_id: "a", expiry: 12, maxPrice }];
  });
  const caller = await askWebhook(hook.options, { "x-app": "me" }, { StateID: "s" }, "live");
  expect(caller).toMatchObject({ authId: "a", authExpiry: 12, ceilings: [{ of: "auth webhook maxPrice" }] });
  expect(heard).toEqual([{ headers: { "x-app": ["me"] }, state: { StateID: "s" } }]);
});

test.for([
  [200, { status: 403, reason: "no" }, 403, "no"],
  [200, { status: 402 }, 402, "signer auth rejected request with status 402"],
  [500, { status: 200 }, 500, "should"],
  [200, "not json", 500, "should"],
  [200, { status: 0 }, 500, "should"],
  [200, { status: 200, maxPrice: { price: "x" } }, 502, "invalid maxPrice"],
] as const)("a webhook that answers %i %j refuses with %i", async ([status, body, refused, reason]) => {
  await using hook = await webhook(() => [status, body]);
  const error: unknown = await askWebhook(hook.options, {}, {}, "live").catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SignerRefusal);
  expect(error).toMatchObject({ status: refused, message: expect.stringContaining(reason) });
});

test("a webhook that cannot be reached lets nobody in", async () => {
  const options = { url: "http://127.0.0.1:1/", headers: {} };
  const error: unknown = await askWebhook(options, {}, {}, "live").catch((thrown: unknown) => thrown);
  expect(isError(error, "auth.unavailable")).toBe(true);
});

test("headers are pairs, and what is none is not repeated", () => {
  expect(headerPairs(["Authorization: Bearer x", "x-y:z"])).toEqual({ authorization: "Bearer x", "x-y": "z" });
  expect(() => headerPairs(["hunter2"])).toThrow(/NAME:VALUE/);
  expect(() => headerPairs(["hunter2"])).not.toThrow(/hunter2/);
});
