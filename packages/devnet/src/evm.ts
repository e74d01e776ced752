import type { EdrContext, Provider } from "@nomicfoundation/edr";
import { type Address, addressBytes } from "@rivulet/crypto";
import type { Milliseconds } from "@rivulet/primitives";
import { type Hex, hexToString } from "viem";
import type { DevelopmentAccount } from "./accounts.ts";

export interface EvmOptions {
  readonly chainId: number;
  /** Wei per gas that every block demands, until it is set anew. */
  readonly baseFee: bigint;
  /** The clock of the first block. */
  readonly now: Milliseconds;
  readonly accounts: readonly DevelopmentAccount[];
  /** Wei that each of them begins with. */
  readonly balance: bigint;
  /** Whose work the blocks are; changing it makes other blocks of the same transactions. */
  readonly coinbase: Address;
}

/** A request that the chain does not fulfil, as a node of the network would say so. */
export class RpcFailure extends Error {
  readonly code: number;
  readonly data: Hex | undefined;

  constructor(code: number, message: string, data?: Hex) {
    super(message);
    this.name = "RpcFailure";
    this.code = code;
    this.data = data;
  }
}

export interface RpcCall {
  readonly method: string;
  readonly params?: unknown;
}

/** Gas of a block. Transactions without their own limit get what one transaction may have at most. */
const BLOCK_GAS = 60_000_000n;
const TRANSACTION_GAS = 16_777_216n;
/** The base fee moves by at most this part of itself a block: not at all. */
const STEADY = 2n ** 100n;
/** What the EVM suggests above the base fee, and nobody here needs to pay. */
const SUGGESTED_TIP = 1_000_000_000n;
/** A call that was reverted, in the words of most nodes. */
const REVERTED = 3;
/** The four bytes before a reason in words: `Error(string)`. */
const ERROR_SELECTOR = "0x08c379a0";

/** The add-on reports to the process, which it may do only once: all chains of a process are of one context. */
let context: Promise<EdrContext> | undefined;

async function newContext(): Promise<EdrContext> {
  const { EdrContext, L1_CHAIN_TYPE, l1ProviderFactory } = await import("@nomicfoundation/edr");
  const created = new EdrContext();
  await created.registerProviderFactory(L1_CHAIN_TYPE, l1ProviderFactory());
  return created;
}

/** An EVM in this process, with a block for each transaction. It has no file, no network and no process of its own. */
export class Evm {
  readonly #provider: Provider;
  #lastId = 0;

  private constructor(provider: Provider) {
    this.#provider = provider;
  }

  static async create(options: EvmOptions): Promise<Evm> {
    // Loaded when a chain is wanted, not by everything that could start one: it is a large add-on.
    const edr = await import("@nomicfoundation/edr");
    const hardfork = edr.l1HardforkLatest();
    const provider = await (await (context ??= newContext())).createProvider(
      edr.L1_CHAIN_TYPE,
      {
        allowBlocksWithSameTimestamp: true,
        allowUnlimitedContractSize: false,
        bailOnCallFailure: true,
        bailOnTransactionFailure: false,
        baseFeeConfig: [{ activation: { blockNumber: 0n }, maxChangeDenominator: STEADY, elasticityMultiplier: 2n }],
        chainId: BigInt(options.chainId),
        coinbase: addressBytes(options.coinbase),
        defaultTransactionGasLimit: TRANSACTION_GAS,
        genesisState: [
          ...edr.l1GenesisState(hardfork),
          ...options.accounts.map(({ address }) => ({ address: addressBytes(address), balance: options.balance })),
        ],
        hardfork: edr.l1HardforkToString(hardfork),
        initialBaseFeePerGas: options.baseFee,
        minGasPrice: 0n,
        mining: { autoMine: true, blockGasLimit: BLOCK_GAS, memPool: { order: edr.MineOrdering.Priority } },
        network: { genesisBlockGasLimit: BLOCK_GAS, genesisBlockTime: BigInt(Math.floor(options.now / 1000)) },
        networkId: BigInt(options.chainId),
        observability: {},
        ownedAccounts: options.accounts.map(({ privateKey }) => privateKey),
        precompileOverrides: [],
      },
      { enable: false, decodeConsoleLogInputsCallback: () => [], printLineCallback: () => {} },
      { subscriptionCallback: () => {} },
      new edr.ContractDecoder(),
    );
    return new Evm(provider);
  }

  /** Throws `RpcFailure`. */
  async request({ method, params = [] }: RpcCall): Promise<unknown> {
    // Without a market for room in blocks nobody tips.
    if (method === "eth_maxPriorityFeePerGas") return "0x0";
    const result = await this.#ask(method, params);
    if (method === "eth_gasPrice") return `0x${(BigInt(String(result)) - SUGGESTED_TIP).toString(16)}`;
    return result;
  }

  async #ask(method: string, params: unknown): Promise<unknown> {
    this.#lastId += 1;
    const { data } = await this.#provider.handleRequest(
      JSON.stringify({ jsonrpc: "2.0", id: this.#lastId, method, params }),
    );
    const answer: { result?: unknown; error?: EdrError } = typeof data === "string" ? JSON.parse(data) : data;
    if (answer.error !== undefined) throw failure(answer.error);
    return answer.result ?? null;
  }
}

interface EdrError {
  readonly code: number;
  readonly message: string;
  readonly data?: { readonly data?: unknown } | string | null;
}

function failure({ code, message, data }: EdrError): RpcFailure {
  const returned = typeof data === "object" ? data?.data : data;
  if (typeof returned !== "string" || !returned.startsWith("0x")) return new RpcFailure(code, message);
  const output: Hex = `0x${returned.slice(2)}`;
  const reason = reasonIn(output);
  return new RpcFailure(
    REVERTED,
    reason === undefined ? "execution reverted" : `execution reverted: ${reason}`,
    output,
  );
}

function reasonIn(output: Hex): string | undefined {
  if (!output.startsWith(ERROR_SELECTOR)) return undefined;
  const [length, text] = [output.slice(74, 138), output.slice(138)];
  return hexToString(`0x${text.slice(0, 2 * Number(`0x${length}`))}`);
}
