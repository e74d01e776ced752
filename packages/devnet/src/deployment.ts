import { type Address, address } from "@rivulet/crypto";
import { type Abi, encodeDeployData, type Hex, keccak256, stringToHex, zeroAddress } from "viem";
import type { ChainClient } from "./chain-client.ts";
import { bondingManager } from "./gen/bonding-manager.ts";
import { controller } from "./gen/controller.ts";
import { livepeerToken } from "./gen/livepeer-token.ts";
import { livepeerTokenFaucet } from "./gen/livepeer-token-faucet.ts";
import { minter } from "./gen/minter.ts";
import { priceFeed } from "./gen/price-feed.ts";
import { roundsManager } from "./gen/rounds-manager.ts";
import { serviceRegistry } from "./gen/service-registry.ts";
import { ticketBroker } from "./gen/ticket-broker.ts";

/** What the contracts are deployed with. Periods are in rounds, shares in millionths. */
export interface ProtocolParameters {
  /** L1 blocks. */
  readonly roundLength: bigint;
  /** So many blocks of this chain stand for one of L1; blocks then say their `l1BlockNumber`, as on Arbitrum. */
  readonly blocksPerL1Block: bigint;
  readonly roundLockAmount: bigint;
  readonly unlockPeriod: bigint;
  readonly ticketValidityPeriod: bigint;
  readonly unbondingPeriod: bigint;
  /** The most orchestrators that are active at a time. */
  readonly poolSize: bigint;
  /** USD for one ETH, in units of 1e-8. */
  readonly etherPrice: bigint;
}

/** As the network was launched, but for rounds of minutes. Source: payments-and-chain 11.2. */
export const defaultParameters: ProtocolParameters = {
  roundLength: 50n,
  blocksPerL1Block: 1n,
  roundLockAmount: 100_000n,
  unlockPeriod: 2n,
  ticketValidityPeriod: 2n,
  unbondingPeriod: 7n,
  poolSize: 100n,
  etherPrice: 3_000n * 10n ** 8n,
};

export interface Addresses {
  readonly controller: Address;
  readonly livepeerToken: Address;
  readonly faucet: Address;
  readonly minter: Address;
  readonly bondingManager: Address;
  readonly roundsManager: Address;
  readonly ticketBroker: Address;
  readonly serviceRegistry: Address;
  /** Not known to the controller, as on the network. */
  readonly aiServiceRegistry: Address;
  readonly priceFeed: Address;
}

/** Inflation of a round, its step, and the share of tokens that is to be bonded, in parts of 1e9. */
const INFLATION = [137n, 3n, 500_000_000n] as const;
const FAUCET_AMOUNT = 1_000n * 10n ** 18n;
/** Stake tokens that every account begins with. */
const ACCOUNT_TOKENS = 10_000n * 10n ** 18n;
const FAUCET_WAIT_SECONDS = 3_600n;
const PRICE_DECIMALS = 8;

/**
 * Deploys everything from the first account, in an order that never changes: the addresses follow from it. The system
 * is left unpaused and without an initialized round.
 */
export async function deploy(
  client: ChainClient,
  [owner, ...others]: readonly [Address, ...Address[]],
  parameters: ProtocolParameters,
): Promise<Addresses> {
  const create = async (contract: { abi: Abi; bytecode: Hex }, ...args: unknown[]) => {
    const data = encodeDeployData({ ...contract, args });
    const { contractAddress } = await client.transact({ from: owner, data });
    return address(contractAddress ?? zeroAddress);
  };
  const controllerAddress = await create(controller);
  const token = await create(livepeerToken);
  const p = parameters;
  const addresses: Addresses = {
    controller: controllerAddress,
    livepeerToken: token,
    faucet: await create(livepeerTokenFaucet, token, FAUCET_AMOUNT, FAUCET_WAIT_SECONDS),
    minter: await create(minter, controllerAddress, ...INFLATION),
    bondingManager: await create(bondingManager, controllerAddress, p.unbondingPeriod, p.poolSize),
    roundsManager: await create(
      roundsManager,
      controllerAddress,
      p.roundLength,
      p.roundLockAmount,
      p.blocksPerL1Block,
      0n,
      0n,
    ),
    ticketBroker: await create(ticketBroker, controllerAddress, p.unlockPeriod, p.ticketValidityPeriod),
    serviceRegistry: await create(serviceRegistry),
    aiServiceRegistry: await create(serviceRegistry),
    priceFeed: await create(priceFeed, PRICE_DECIMALS, "ETH / USD", p.etherPrice),
  };
  const names: Readonly<Record<string, Address>> = {
    LivepeerToken: addresses.livepeerToken,
    LivepeerTokenFaucet: addresses.faucet,
    Minter: addresses.minter,
    BondingManager: addresses.bondingManager,
    RoundsManager: addresses.roundsManager,
    TicketBroker: addresses.ticketBroker,
    // The broker took the place of an older contract and still answers to its name.
    JobsManager: addresses.ticketBroker,
    ServiceRegistry: addresses.serviceRegistry,
  };
  for (const [name, contract] of Object.entries(names))
    await client.call({
      from: owner,
      to: addresses.controller,
      abi: controller.abi,
      functionName: "setContractInfo",
      args: [keccak256(stringToHex(name)), contract, `0x${"0".repeat(40)}`],
    });
  for (const mints of [addresses.minter, addresses.faucet])
    await client.call({
      from: owner,
      to: token,
      abi: livepeerToken.abi,
      functionName: "setMinter",
      args: [mints, true],
    });
  for (const account of [owner, ...others])
    await client.call({
      from: owner,
      to: token,
      abi: livepeerToken.abi,
      functionName: "mint",
      args: [account, ACCOUNT_TOKENS],
    });
  await client.call({ from: owner, to: addresses.controller, abi: controller.abi, functionName: "unpause", args: [] });
  return addresses;
}
