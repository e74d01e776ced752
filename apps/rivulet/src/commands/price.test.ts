import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { isError } from "@rivulet/primitives";
import { afterEach, expect, test } from "vitest";
import { runChainCommand } from "../chain-command.ts";
import { priceCommand } from "./price.ts";

let gateway: Server | undefined;
afterEach(() => void gateway?.close());

const offer = {
  operator: "0xaa",
  warm: true,
  state: "free",
  score: 0.25,
  in_flight: 1,
  capacity: 2,
  stake: `${5n * 10n ** 17n}`,
  price: "10",
  fee: null,
  chance: 1,
  ruled_out: null,
};
const explanation = {
  pipeline: "text-to-image",
  model: "m/one",
  unit: "pixel",
  units: null,
  max_price: "15",
  orchestrators: [
    { ...offer, orchestrator: "https://fair:1" },
    {
      ...offer,
      orchestrator: "https://dear:1",
      warm: false,
      score: 0,
      price: "20",
      chance: null,
      ruled_out: { code: "price.above-maximum", reason: "20 is above 15" },
    },
  ],
  unused: [{ uri: "https://gone:1", reason: "peer.unreachable" }],
};

/** What the command prints, and what the gateway was asked. */
async function priced(...flags: readonly string[]) {
  const asked: string[] = [];
  gateway = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    response.end(JSON.stringify(explanation));
  }).listen(0, "127.0.0.1");
  await once(gateway, "listening");
  const bound = gateway.address();
  const url = `http://127.0.0.1:${typeof bound === "object" ? bound?.port : ""}`;
  const lines: string[] = [];
  const silent = { screen: { isTTY: false, write: () => true }, say: () => {} };
  const terminal = { ...silent, result: (line: string) => void lines.push(line) };
  await runChainCommand(priceCommand, ["text-to-image", "-gateway", url, ...flags], terminal);
  return { asked, lines };
}

test("why not me: every orchestrator with its numbers, what ruled it out, and who gets no work at all", async () => {
  const { asked, lines } = await priced("-explain", "-key", "k", "-request", '{"model_id":"m/one"}');
  expect(asked).toEqual(["GET /network/explain?pipeline=text-to-image&model=m%2Fone Bearer k"]);
  expect(lines).toEqual([
    "text-to-image, m/one: at most 15 wei a pixel",
    "  https://fair:1  chosen with 100 %",
    "    0xaa: 10 wei each, stake 0.5 LPT, score 0.25, 1 of 2 slots taken, warm",
    "  https://dear:1  not now: price.above-maximum, 20 is above 15",
    "    0xaa: 20 wei each, stake 0.5 LPT, speed unknown, 1 of 2 slots taken, cold",
    "  https://gone:1  gets no work at all: peer.unreachable",
  ]);
});

test("an explanation needs no request, and is the gateway's own as JSON", async () => {
  const { asked, lines } = await priced("-explain", "-json");
  expect(asked).toEqual(["GET /network/explain?pipeline=text-to-image -"]);
  expect(JSON.parse(lines[0] ?? "")).toEqual(explanation);
});

test("a price is asked for with the request", async () => {
  const { asked, lines } = await priced("-request", "{}");
  expect(asked).toEqual(["POST /network/estimate?pipeline=text-to-image -"]);
  expect(lines[2]).toContain("not now: price.above-maximum");
});

test("a request that is no JSON is told before anybody is asked", async () => {
  const failed = await priced("-explain", "-request", "{").catch((error: unknown) => error);
  expect(isError(failed, "config.invalid")).toBe(true);
});
