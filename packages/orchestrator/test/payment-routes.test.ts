import { keySigner } from "@rivulet/crypto";
import { Rational } from "@rivulet/primitives";
import { type OlderGateway, wanting } from "@rivulet/testkit";
import {
  type Capabilities,
  decodeOrchestratorInfo,
  decodePaymentResult,
  encodePayment,
  encodeSegmentCredentials,
  NO_CAPABILITIES,
  type Payment,
  signSegmentCredentials,
} from "@rivulet/wire";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OrchestratorWorld } from "./orchestrator-world.ts";
import { keyOf, PaidWorld, TICKET_VALUE } from "./paid-world.ts";

const MODEL = { capability: 27, model: "m" };
const MANIFEST = "stream-1";

let world: PaidWorld;
let gateway: OlderGateway;
beforeEach(async () => {
  world = await PaidWorld.open();
  gateway = world.gateway("gateway");
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

/** Pays without a job, with so many tickets. */
async function topUp(
  tickets: number,
  change: (payment: Payment) => Payment = (payment) => payment,
  capabilities: Capabilities = wanting(MODEL),
) {
  const { info, params, price } = await gateway.ask(wanting(MODEL));
  if (info.authToken === undefined || params.expiration === undefined) throw new Error("not told");
  const { expiration, ...bare } = params;
  const signed = Array.from({ length: tickets }, () => gateway.sign(params));
  const payment = change({
    sender: gateway.address,
    expectedPrice: price,
    tickets: { params: bare, expiration, signed },
  });
  const claims = { manifestId: MANIFEST, capabilities, authToken: info.authToken };
  const answer = await world.node.ask("/payment", {
    method: "POST",
    headers: {
      "livepeer-payment": encodePayment(payment),
      "livepeer-segment": encodeSegmentCredentials(signSegmentCredentials(claims, keySigner(keyOf("gateway")))),
    },
  });
  return { answer, info, price };
}

const renew = (body: unknown) =>
  world.node.ask("/refresh-payment", { method: "POST", body: JSON.stringify(body), headers: {} });

test("a payment without a job is credited to its manifest, and answered with what to pay with next", async () => {
  const { answer, info, price } = await topUp(3);
  expect(answer.status).toBe(200);
  const next = decodePaymentResult(Uint8Array.from(answer.body));
  expect(next.price).toEqual(price);
  expect(next.authToken).toEqual(info.authToken);
  expect(next.ticketParams?.recipientRandHash).not.toEqual(info.ticketParams?.recipientRandHash);
  const balance = world.ledger.balance({ side: "payee", peer: gateway.address, id: MANIFEST });
  expect(balance?.floor()).toBe(3n * TICKET_VALUE);
});

test("a payment that cannot be taken is refused as a job's is", async () => {
  const cheap = (payment: Payment) => ({ ...payment, expectedPrice: Rational.of(1n) });
  expect((await topUp(1, cheap)).answer).toMatchObject({ status: 400 });
  const stranger = (payment: Payment) => ({ ...payment, sender: keySigner(keyOf("stranger")).address });
  expect((await topUp(1, stranger)).answer).toMatchObject({ status: 403, text: "ErrSegSig\n" });
});

test("no session is opened for nothing", async () => {
  expect((await topUp(1, undefined, NO_CAPABILITIES)).answer).toMatchObject({ status: 400 });
  expect(await renew({ sender: gateway.address, manifest_id: MANIFEST })).toMatchObject({ status: 409 });
});

test("an open session gets new parameters at its own price", async () => {
  const { price } = await topUp(1);
  world.prices.set([]);
  const { status, text } = await renew({ sender: gateway.address, manifest_id: MANIFEST });
  expect(status).toBe(200);
  const { payment_params, orchestrator, manifest_id, payment_url } = JSON.parse(text);
  const info = decodeOrchestratorInfo(Buffer.from(payment_params, "base64"));
  expect(info.price).toEqual(price);
  expect(info.authToken?.sessionId).toBe(MANIFEST);
  expect([orchestrator, manifest_id]).toEqual([world.node.orchestrator.serviceUri, MANIFEST]);
  expect(payment_url).toBe(`${orchestrator}/payment`);
});

test.each([
  [{ sender: "0x1", manifest_id: MANIFEST }, 400, "invalid sender"],
  [{ sender: `0x${"11".repeat(20)}` }, 400, "missing manifest_id"],
  [{ sender: `0x${"11".repeat(20)}`, manifest_id: MANIFEST }, 409, "fixed price not found for session"],
])("a renewal of %j is %i", async (body, status, text) => {
  expect(await renew(body)).toMatchObject({ status, text: `${text}\n` });
});

test("nobody pays an orchestrator that is off-chain", async () => {
  await using offChain = await OrchestratorWorld.open([{ pipeline: "text-to-image", model: "m" }]);
  expect((await offChain.ask("/payment", { method: "POST" })).status).toBe(404);
});
