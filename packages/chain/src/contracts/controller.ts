import { type Address, address, keccak256, ZERO_ADDRESS } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import { type Hex, hexFromBytes } from "../hex.ts";
import type { Network } from "../networks/network.ts";
import type { Endpoints } from "../rpc/endpoints.ts";
import {
  bondingManagerAbi,
  controllerAbi,
  faucetAbi,
  minterAbi,
  roundsManagerAbi,
  serviceRegistryAbi,
  ticketBrokerAbi,
  tokenAbi,
} from "./abi.ts";
import { Contract } from "./call.ts";

/** The contracts of the protocol on one chain. */
export interface Contracts {
  readonly controller: Contract<typeof controllerAbi>;
  readonly ticketBroker: Contract<typeof ticketBrokerAbi>;
  readonly rounds: Contract<typeof roundsManagerAbi>;
  readonly bonding: Contract<typeof bondingManagerAbi>;
  /** That of the controller. */
  readonly serviceRegistry: Contract<typeof serviceRegistryAbi>;
  /** That of AI nodes, where there is one. */
  readonly aiServiceRegistry: Contract<typeof serviceRegistryAbi> | undefined;
  readonly token: Contract<typeof tokenAbi>;
  readonly minter: Contract<typeof minterAbi>;
  /** Only on test networks. */
  readonly faucet: Contract<typeof faucetAbi> | undefined;
}

/** Under what the controller keeps a contract. Source: payments-and-chain 10.1. */
export function contractId(name: string): Hex {
  return hexFromBytes(keccak256(Buffer.from(name, "utf8")));
}

const NEEDED = [
  "TicketBroker",
  "RoundsManager",
  "BondingManager",
  "ServiceRegistry",
  "LivepeerToken",
  "Minter",
] as const;
const FAUCET = "LivepeerTokenFaucet";

/**
 * Asks the controller for the addresses of the other contracts, which change when they are upgraded. Throws
 * "chain.contract-missing" when one that a node needs is not there.
 */
export async function resolveContracts(
  network: Network,
  endpoints: Endpoints,
  signal?: AbortSignal,
): Promise<Contracts> {
  const controller = new Contract(network.controller, controllerAbi);
  const names = [...NEEDED, FAUCET];
  const answers = await endpoints.batch(
    names.map((name) => controller.read("getContract", [contractId(name)])),
    signal,
  );
  const found = new Map<string, Address>(names.map((name, index) => [name, address(answers[index] ?? ZERO_ADDRESS)]));
  const at = (name: string): Address => {
    const where = found.get(name) ?? ZERO_ADDRESS;
    if (where === ZERO_ADDRESS) {
      const reason = `${name}, by the controller ${network.controller} of ${network.name}`;
      throw new RivuletError("chain.contract-missing", { reason });
    }
    return where;
  };
  const faucet = found.get(FAUCET) ?? ZERO_ADDRESS;
  return {
    controller,
    ticketBroker: new Contract(at("TicketBroker"), ticketBrokerAbi),
    rounds: new Contract(at("RoundsManager"), roundsManagerAbi),
    bonding: new Contract(at("BondingManager"), bondingManagerAbi),
    serviceRegistry: new Contract(at("ServiceRegistry"), serviceRegistryAbi),
    aiServiceRegistry:
      network.aiServiceRegistry === undefined ? undefined : new Contract(network.aiServiceRegistry, serviceRegistryAbi),
    token: new Contract(at("LivepeerToken"), tokenAbi),
    minter: new Contract(at("Minter"), minterAbi),
    faucet: faucet === ZERO_ADDRESS ? undefined : new Contract(faucet, faucetAbi),
  };
}
