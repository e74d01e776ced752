import * as chain from "@rivulet/chain";
import { readVectors } from "@rivulet/testkit";
import { type Abi, toEventSelector, toEventSignature, toFunctionSelector, toFunctionSignature } from "viem";
import { describe, expect, test } from "vitest";
import { bondingManager } from "../src/gen/bonding-manager.ts";
import { controller } from "../src/gen/controller.ts";
import { livepeerToken } from "../src/gen/livepeer-token.ts";
import { livepeerTokenFaucet } from "../src/gen/livepeer-token-faucet.ts";
import { minter } from "../src/gen/minter.ts";
import { priceFeed } from "../src/gen/price-feed.ts";
import { roundsManager } from "../src/gen/rounds-manager.ts";
import { serviceRegistry } from "../src/gen/service-registry.ts";
import { ticketBroker } from "../src/gen/ticket-broker.ts";

/** In the order of the vectors of selectors, and beside what nodes take each contract for. */
const contracts = [
  [controller, chain.controllerAbi],
  [ticketBroker, chain.ticketBrokerAbi],
  [roundsManager, chain.roundsManagerAbi],
  [bondingManager, chain.bondingManagerAbi],
  [serviceRegistry, chain.serviceRegistryAbi],
  [livepeerToken, chain.tokenAbi],
  [minter, chain.minterAbi],
  [livepeerTokenFaucet, chain.faucetAbi],
  [priceFeed, chain.aggregatorAbi],
] as const satisfies readonly (readonly [{ readonly name: string; readonly abi: Abi }, Abi])[];

describe("the compiled contracts have the network's", () => {
  for (const [index, { expected }] of (readVectors("chain").get("selectors")?.cases ?? []).entries()) {
    const contract = contracts[index]?.[0];
    test(`functions: ${contract?.name}`, () => {
      const functions = (contract?.abi ?? []).filter((item) => item.type === "function");
      const ours = Object.fromEntries(functions.map((item) => [toFunctionSignature(item), toFunctionSelector(item)]));
      expect(ours).toMatchObject(expected as object);
    });
  }

  test("events", () => {
    const all: Abi = contracts.flatMap(([{ abi }]) => [...(abi as Abi)]);
    const events = all.filter((item) => item.type === "event");
    const ours = Object.fromEntries(events.map((item) => [toEventSignature(item), toEventSelector(item)]));
    for (const { expected } of readVectors("chain").get("topics")?.cases ?? [])
      expect(ours).toMatchObject(expected as object);
  });
});

describe("what nodes believe of a contract is what it is", () => {
  for (const [contract, believed] of contracts)
    test(contract.name, () => {
      const shapes = new Set((contract.abi as Abi).map(shape));
      for (const item of believed as Abi) expect(shapes).toContain(shape(item));
    });
});

/** All of an entry that bytes on the wire depend on: types of inputs and outputs, what is indexed, what costs money. */
function shape(item: Abi[number]): string {
  const types = (parameters: readonly Parameter[] = []): unknown =>
    parameters.map(({ type, indexed, components }) => [type, indexed ?? false, types(components)]);
  if (item.type !== "function" && item.type !== "event") return item.type;
  const outputs = item.type === "function" ? types(item.outputs) : [];
  // A pure function is a view to those who call it.
  const mutability = item.type === "function" ? item.stateMutability.replace("pure", "view") : "";
  return JSON.stringify([item.type, item.name, types(item.inputs), outputs, mutability]);
}

interface Parameter {
  readonly type: string;
  readonly indexed?: boolean | undefined;
  readonly components?: readonly Parameter[];
}
