import { type Address, address } from "@rivulet/crypto";
import type { Clock, Milliseconds } from "@rivulet/primitives";
import { encodeAbiParameters, keccak256, numberToHex } from "viem";
import { developmentAccounts } from "./accounts.ts";
import { ChainClient } from "./chain-client.ts";
import { type Addresses, defaultParameters, deploy, type ProtocolParameters } from "./deployment.ts";
import { Evm, type RpcCall, RpcFailure } from "./evm.ts";
import { bondingManager } from "./gen/bonding-manager.ts";
import { livepeerToken } from "./gen/livepeer-token.ts";
import { priceFeed } from "./gen/price-feed.ts";
import { roundsManager } from "./gen/rounds-manager.ts";
import { serviceRegistry } from "./gen/service-registry.ts";
import { ticketBroker } from "./gen/ticket-broker.ts";
import { RpcServer } from "./rpc-server.ts";

export interface DevnetOptions extends Partial<ProtocolParameters> {
  /** Port of the JSON-RPC server on 127.0.0.1; any free one when absent. */
  readonly port?: number;
  readonly chainId?: number;
  /** Wei per gas; 0.1 gwei when absent. */
  readonly gasPrice?: bigint;
  /** Makes a block this often. When absent, blocks come only with transactions and when asked for. */
  readonly blockTime?: Milliseconds;
  /** Initializes every round in its first block, as somebody does on the network. True when absent. */
  readonly initializesRounds?: boolean;
}

export interface DevnetPorts {
  readonly clock: Clock;
}

/** A state to come back to. */
export type Snapshot = string & { readonly __snapshot: never };

export interface OrchestratorRegistration {
  readonly serviceUri: string;
  /** The URI in the registry of AI nodes; the same when absent. */
  readonly aiServiceUri?: string;
  /** In 1e-18 LPT; 1000 LPT when absent. */
  readonly stake?: bigint;
  /** Millionths; 10 % when absent. */
  readonly rewardCut?: bigint;
  /** Millionths that delegators get of the fees; nothing when absent, so that every wei of a ticket is the orchestrator's. */
  readonly feeShare?: bigint;
}

export interface SenderFunding {
  /** Wei. */
  readonly deposit: bigint;
  readonly reserve: bigint;
}

const ETHER = 10n ** 18n;
const DEFAULT_CHAIN_ID = 31337;
const DEFAULT_GAS_PRICE = 100_000_000n;
const DEFAULT_STAKE = 1_000n * ETHER;
const DEFAULT_REWARD_CUT = 100_000n;
const ACCOUNT_BALANCE = 10_000n * ETHER;
/** Pays for a lifetime of transactions. */
const ALLOWANCE = 100n * ETHER;

/** Initializes rounds. Not one of the accounts that others use, so that its transactions take nobody's nonces. */
const KEEPER = address("0x6b65657065720000000000000000000000000000");
const COINBASES = [
  address("0xc014ba5e00000000000000000000000000000001"),
  address("0xc014ba5e00000000000000000000000000000002"),
] as const;

/** Requests of others that put a transaction into a block, before which a due round is initialized. */
const SENDS = new Set(["eth_sendRawTransaction", "eth_sendTransaction"]);

/** Requests whose answer says the L1 number where there are two. Source: payments-and-chain 10.9. */
const BLOCK_READS = new Set(["eth_getBlockByNumber", "eth_getBlockByHash"]);

/** Where RoundsManager keeps the hashes of rounds. */
const ROUND_HASHES_SLOT = 1n;

/** Starts a chain of its own for the caller, with every contract deployed and the first round initialized. */
export async function startDevnet(options: DevnetOptions, ports: DevnetPorts): Promise<Devnet> {
  const parameters = { ...defaultParameters, ...options };
  const chainId = options.chainId ?? DEFAULT_CHAIN_ID;
  const evm = await Evm.create({
    chainId,
    baseFee: options.gasPrice ?? DEFAULT_GAS_PRICE,
    now: ports.clock.now(),
    accounts: developmentAccounts,
    balance: ACCOUNT_BALANCE,
    coinbase: COINBASES[0],
  });
  const client = new ChainClient(evm);
  await client.request("hardhat_setBalance", KEEPER, numberToHex(ACCOUNT_BALANCE));
  const [owner, ...others] = developmentAccounts;
  const holders = [owner.address, ...others.map(({ address }) => address)] as const;
  const addresses = await deploy(client, holders, parameters);
  const devnet = new Devnet({ ...options, ...parameters, chainId }, { ...ports, evm, client, addresses });
  await devnet.nextRound();
  await devnet.serve();
  return devnet;
}

/**
 * A chain in this process with the contracts of the network, served as JSON-RPC. Transactions are in a block at once;
 * a block's time is that of the clock, however many are made.
 *
 * Owns a socket, and a timer when blocks come by themselves.
 */
export class Devnet implements AsyncDisposable {
  readonly chainId: number;
  readonly addresses: Addresses;
  readonly accounts: typeof developmentAccounts = developmentAccounts;
  readonly client: ChainClient;
  readonly #options: DevnetOptions & ProtocolParameters;
  readonly #clock: Clock;
  readonly #server: RpcServer;
  readonly #stopped = new AbortController();
  #mining: Promise<void> = Promise.resolve();
  /** The last one in the queue of those who make blocks. */
  #turn: Promise<unknown> = Promise.resolve();
  #branch = 0;

  /** Called by `startDevnet`. */
  constructor(
    options: DevnetOptions & ProtocolParameters & { readonly chainId: number },
    ports: DevnetPorts & { readonly evm: Evm; readonly client: ChainClient; readonly addresses: Addresses },
  ) {
    this.#options = options;
    this.chainId = options.chainId;
    this.addresses = ports.addresses;
    this.client = ports.client;
    this.#clock = ports.clock;
    this.#server = new RpcServer(options.port ?? 0, (call) => this.#answer(ports.evm, call));
  }

  /** Called by `startDevnet`. */
  async serve(): Promise<void> {
    await this.#server.start();
    const { blockTime } = this.#options;
    if (blockTime !== undefined) this.#mining = this.#mineEvery(blockTime, this.#stopped.signal);
  }

  /** JSON-RPC over HTTP. */
  get url(): string {
    return this.#server.url;
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error("devnet stopped"));
    await this.#mining;
    await this.#server.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  // Blocks and rounds

  /** Makes exactly this many blocks. The round that they end in is initialized; those between are not. */
  async mine(blocks = 1n): Promise<void> {
    await this.#inTurn(async () => {
      const target = (await this.client.blockNumber()) + blocks;
      if (this.#initializesRounds && (await this.#lastInitializedRound()) < this.#roundAt(target)) {
        const start = this.#roundAt(target) * this.#blocksPerRound;
        await this.#mineTo(start - 1n);
        await this.#initializeRound();
      }
      await this.#mineTo(target);
    });
  }

  /** Makes blocks until the next round has begun, and tells its number. */
  async nextRound(): Promise<bigint> {
    const head = await this.client.blockNumber();
    const round = this.#roundAt(head) + 1n;
    await this.mine(round * this.#blocksPerRound - head);
    return round;
  }

  /** Plays the anomaly of Arbitrum in which the hash of a round is zero. Tickets made in it cannot be redeemed. */
  async eraseRoundHash(round: bigint): Promise<void> {
    const slot = keccak256(encodeAbiParameters([{ type: "uint256" }, { type: "uint256" }], [round, ROUND_HASHES_SLOT]));
    await this.client.request("hardhat_setStorageAt", this.addresses.roundsManager, slot, numberToHex(0, { size: 32 }));
    await this.mine();
  }

  async currentRound(): Promise<bigint> {
    return this.#roundAt(await this.client.blockNumber());
  }

  /** Without it transactions wait for `mine`: how a transaction that is stuck is played. */
  async setAutomine(isOn: boolean): Promise<void> {
    await this.client.request("evm_setAutomine", isOn);
  }

  /** Wei per gas from the next block on, which is made at once. */
  async setGasPrice(price: bigint): Promise<void> {
    await this.client.request("hardhat_setNextBlockBaseFeePerGas", numberToHex(price));
    await this.mine();
  }

  /** USD for one ETH in units of 1e-8, told now or at another time in seconds since 1970. */
  async setPriceFeed(price: bigint, updatedAtSeconds?: bigint): Promise<void> {
    const { timestamp } = await this.client.viem.getBlock();
    await this.client.call({
      from: KEEPER,
      to: this.addresses.priceFeed,
      abi: priceFeed.abi,
      functionName: "setRound",
      args: [price, updatedAtSeconds ?? timestamp],
    });
  }

  async snapshot(): Promise<Snapshot> {
    return (await this.client.request("evm_snapshot")) as Snapshot;
  }

  /** Forgets everything since. Answers with a snapshot of the same state, since the old one is used up. */
  async revert(snapshot: Snapshot): Promise<Snapshot> {
    return this.#inTurn(async () => {
      await this.client.request("evm_revert", snapshot);
      return this.snapshot();
    });
  }

  /** A reorganisation: the blocks since the snapshot are replaced by this many others, without their transactions. */
  async reorganize(snapshot: Snapshot, blocks: bigint): Promise<void> {
    await this.client.request("evm_revert", snapshot);
    this.#branch += 1;
    await this.client.request("hardhat_setCoinbase", COINBASES[this.#branch % COINBASES.length]);
    await this.mine(blocks);
  }

  // Participants

  /** Adds ETH out of nothing. */
  async giveEther(account: Address, amount: bigint): Promise<void> {
    const balance = BigInt(String(await this.client.request("eth_getBalance", account, "latest")));
    await this.client.request("hardhat_setBalance", account, numberToHex(balance + amount));
  }

  /** Adds stake tokens out of nothing. */
  async giveTokens(account: Address, amount: bigint): Promise<void> {
    await this.client.call({
      from: this.accounts[0].address,
      to: this.addresses.livepeerToken,
      abi: livepeerToken.abi,
      functionName: "mint",
      args: [account, amount],
    });
  }

  /**
   * Gives an account stake and makes it an orchestrator, active from the next round on. Done again, it adds stake and
   * changes the URIs; an active orchestrator's terms stay as they are.
   */
  async registerOrchestrator(account: Address, registration: OrchestratorRegistration): Promise<void> {
    const stake = registration.stake ?? DEFAULT_STAKE;
    const from = account;
    const bonding = { from, to: this.addresses.bondingManager, abi: bondingManager.abi } as const;
    const { abi } = serviceRegistry;
    await this.giveEther(account, ALLOWANCE);
    await this.giveTokens(account, stake);
    await this.#outsideLock();
    await this.client.call({
      from,
      to: this.addresses.livepeerToken,
      abi: livepeerToken.abi,
      functionName: "approve",
      args: [this.addresses.bondingManager, stake],
    });
    await this.client.call({ ...bonding, functionName: "bond", args: [stake, account] });
    if (!(await this.client.read({ ...bonding, functionName: "isActiveTranscoder", args: [account] }))) {
      const args = [registration.rewardCut ?? DEFAULT_REWARD_CUT, registration.feeShare ?? 0n] as const;
      await this.client.call({ ...bonding, functionName: "transcoder", args });
    }
    const uris = [
      [this.addresses.serviceRegistry, registration.serviceUri],
      [this.addresses.aiServiceRegistry, registration.aiServiceUri ?? registration.serviceUri],
    ] as const;
    for (const [to, uri] of uris) await this.client.call({ from, to, abi, functionName: "setServiceURI", args: [uri] });
  }

  /** Gives an account ETH and makes it a sender with this much more deposit and reserve. */
  async fundSender(account: Address, { deposit, reserve }: SenderFunding): Promise<void> {
    await this.giveEther(account, deposit + reserve + ALLOWANCE);
    await this.client.call({
      from: account,
      to: this.addresses.ticketBroker,
      abi: ticketBroker.abi,
      functionName: "fundDepositAndReserve",
      args: [deposit, reserve],
      value: deposit + reserve,
    });
  }

  get #blocksPerRound(): bigint {
    return this.#options.roundLength * this.#options.blocksPerL1Block;
  }

  get #initializesRounds(): boolean {
    return this.#options.initializesRounds ?? true;
  }

  /** The whole of a registration has to fit before the tail of a round, in which terms cannot be set. */
  async #outsideLock(): Promise<void> {
    const { roundLockAmount } = this.#options;
    const transactions = 5n;
    const unlocked = (this.#blocksPerRound * (1_000_000n - roundLockAmount)) / 1_000_000n;
    if (((await this.client.blockNumber()) % this.#blocksPerRound) + transactions >= unlocked) await this.nextRound();
  }

  async #answer(evm: Evm, call: RpcCall): Promise<unknown> {
    const blocks = blocksAskedFor(call);
    if (blocks !== undefined) {
      await this.mine(blocks);
      return true;
    }
    if (SENDS.has(call.method) && this.#initializesRounds)
      await this.#inTurn(async () => {
        const next = this.#roundAt((await this.client.blockNumber()) + 1n);
        if ((await this.#lastInitializedRound()) < next) await this.#initializeRound();
      });
    const result = await evm.request(call);
    return this.#options.blocksPerL1Block > 1n && BLOCK_READS.has(call.method) ? this.#withL1Number(result) : result;
  }

  #withL1Number(block: unknown): unknown {
    if (typeof block !== "object" || block === null) return block;
    const number = BigInt(String(Reflect.get(block, "number")));
    return { ...block, l1BlockNumber: numberToHex(number / this.#options.blocksPerL1Block) };
  }

  async #mineEvery(blockTime: Milliseconds, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(blockTime, signal).catch(() => {});
      if (!signal.aborted) await this.mine();
    }
  }

  async #mineTo(block: bigint): Promise<void> {
    const missing = block - (await this.client.blockNumber());
    if (missing > 0n) await this.client.request("hardhat_mine", numberToHex(missing), "0x0");
  }

  #roundAt(block: bigint): bigint {
    return block / this.#blocksPerRound;
  }

  #lastInitializedRound(): Promise<bigint> {
    const to = this.addresses.roundsManager;
    return this.client.read({ to, abi: roundsManager.abi, functionName: "lastInitializedRound", args: [] });
  }

  async #initializeRound(): Promise<void> {
    const to = this.addresses.roundsManager;
    await this.client.call({ from: KEEPER, to, abi: roundsManager.abi, functionName: "initializeRound", args: [] });
  }

  /** One after the other: who makes blocks counts them first. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** Development tools make blocks by these two methods; rounds have to be initialized then, too. */
function blocksAskedFor({ method, params }: RpcCall): bigint | undefined {
  if (method !== "hardhat_mine" && method !== "evm_mine") return undefined;
  const [count] = method === "hardhat_mine" && Array.isArray(params) ? params : [];
  if (count === undefined) return 1n;
  if (typeof count !== "string" || !/^0x[0-9a-f]{1,12}$/i.test(count)) throw new RpcFailure(-32602, "not a quantity");
  return BigInt(count);
}
