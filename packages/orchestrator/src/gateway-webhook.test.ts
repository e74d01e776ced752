import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { address, checksumAddress } from "@rivulet/crypto";
import { codeOf, minutes, Rational } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GatewayWebhook } from "./gateway-webhook.ts";

const GATEWAY = address(`0x${"ab".repeat(20)}`);

let server: Server;
let clock: TestClock;
let webhook: GatewayWebhook;
let asked: unknown[];
let answer: { status: number; body: string };

beforeEach(async () => {
  asked = [];
  answer = { status: 200, body: "" };
  server = createServer(async (request, response) => {
    asked.push(JSON.parse(await text(request)));
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  clock = new TestClock();
  const { port } = server.address() as AddressInfo;
  webhook = new GatewayWebhook(`http://127.0.0.1:${port}/gateways`, { clock });
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const refusal = () => webhook.admit(GATEWAY).then(() => undefined, codeOf);

test("a gateway is asked about once in half an hour, and its base price is what was answered last", async () => {
  answer.body = JSON.stringify({ priceInfo: { pricePerUnit: 3, pixelsPerUnit: 2 } });
  await Promise.all([webhook.admit(GATEWAY), webhook.admit(GATEWAY)]);
  await webhook.admit(GATEWAY);
  expect(asked).toEqual([{ id: checksumAddress(GATEWAY) }]);
  expect(webhook.basePriceOf(GATEWAY)).toEqual(Rational.of(3n, 2n));
  await clock.advance(minutes(30));
  expect(webhook.basePriceOf(GATEWAY)).toBeUndefined();
  answer.body = "{}";
  await webhook.admit(GATEWAY);
  expect(asked).toHaveLength(2);
  expect(webhook.basePriceOf(GATEWAY)).toBeUndefined();
});

test("any status but 200 keeps a gateway out, and it is asked about again the next time", async () => {
  answer.status = 403;
  expect([await refusal(), await refusal()]).toEqual(["auth.rejected", "auth.rejected"]);
  expect(asked).toHaveLength(2);
  answer.status = 200;
  expect(await refusal()).toBeUndefined();
});

test.each([
  "not JSON",
  '{"priceInfo":{"pricePerUnit":-1,"pixelsPerUnit":1}}',
  '{"priceInfo":{"pricePerUnit":1,"pixelsPerUnit":0}}',
  '{"priceInfo":{"pricePerUnit":1.5,"pixelsPerUnit":1}}',
  `{"priceInfo":${"[".repeat(20_000)}`,
])("an answer that cannot be read lets nobody in: %.40s", async (body) => {
  answer.body = body;
  expect(await refusal()).toBe("auth.unavailable");
});

test("strangers who ask all at once keep nobody from being asked about who was let in before", async () => {
  await webhook.admit(GATEWAY);
  await clock.advance(minutes(30));
  answer.status = 403;
  const strangers = Array.from({ length: 70 }, (_, index) =>
    webhook.admit(address(`0x${index.toString(16).padStart(40, "0")}`)).then(() => undefined, codeOf),
  );
  expect(await refusal()).toBe("auth.rejected");
  expect(new Set(await Promise.all(strangers))).toEqual(new Set(["auth.rejected", "auth.unavailable"]));
});

test("a webhook that is not there lets nobody in", async () => {
  await new Promise((resolve) => server.close(resolve));
  expect(await refusal()).toBe("auth.unavailable");
});
