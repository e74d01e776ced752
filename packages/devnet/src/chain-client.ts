import type { Address } from "@rivulet/crypto";
import { invariant } from "@rivulet/primitives";
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  createPublicClient,
  custom,
  decodeFunctionResult,
  type EncodeFunctionDataParameters,
  encodeFunctionData,
  type Hex,
  numberToHex,
  type PublicClient,
  type TransactionReceipt,
} from "viem";
import type { Evm } from "./evm.ts";

/** A transaction of any account, whoever has its key. */
export interface Transaction {
  readonly from: Address;
  readonly to?: Address;
  readonly data?: Hex;
  readonly value?: bigint;
}

/** A function of a contract, its arguments, and where the contract is. */
export interface ContractCall<
  abi extends Abi,
  mutability extends "view" | "pure" | "nonpayable" | "payable",
  name extends ContractFunctionName<abi, mutability>,
> {
  readonly to: Address;
  readonly abi: abi;
  readonly functionName: name;
  readonly args: ContractFunctionArgs<abi, mutability, name>;
}

/**
 * Calls contracts and sends transactions inside this process, in the name of anybody. What would be reverted is not
 * sent: the call throws `RpcFailure` with the contract's reason.
 */
export class ChainClient {
  readonly #evm: Evm;
  /** The same chain with all that viem offers. */
  readonly viem: PublicClient;

  constructor(evm: Evm) {
    this.#evm = evm;
    this.viem = createPublicClient({ transport: custom(evm, { retryCount: 0 }), pollingInterval: 1 });
  }

  async request(method: string, ...params: readonly unknown[]): Promise<unknown> {
    return this.#evm.request({ method, params });
  }

  async blockNumber(): Promise<bigint> {
    return BigInt(String(await this.request("eth_blockNumber")));
  }

  async read<abi extends Abi, name extends ContractFunctionName<abi, "view" | "pure">>(
    call: ContractCall<abi, "view" | "pure", name>,
  ): Promise<ContractFunctionReturnType<abi, "view" | "pure", name>> {
    const data = encodeFunctionData(call as EncodeFunctionDataParameters);
    const result = await this.request("eth_call", { to: call.to, data }, "latest");
    return decodeFunctionResult({
      abi: call.abi as Abi,
      functionName: call.functionName as string,
      data: result as Hex,
    }) as ContractFunctionReturnType<abi, "view" | "pure", name>;
  }

  async call<abi extends Abi, name extends ContractFunctionName<abi, "nonpayable" | "payable">>(
    call: ContractCall<abi, "nonpayable" | "payable", name> & { readonly from: Address; readonly value?: bigint },
  ): Promise<TransactionReceipt> {
    const { from, to, value = 0n } = call;
    return this.transact({ from, to, value, data: encodeFunctionData(call as EncodeFunctionDataParameters) });
  }

  async transact({ from, to, data, value = 0n }: Transaction): Promise<TransactionReceipt> {
    const transaction = { from, to, data, value: numberToHex(value) };
    await this.request("hardhat_impersonateAccount", from);
    const gas = await this.request("eth_estimateGas", transaction);
    const hash = (await this.request("eth_sendTransaction", { ...transaction, gas })) as Hex;
    // Without automatic mining the transaction waits for somebody to make a block.
    if ((await this.request("eth_getTransactionReceipt", hash)) === null) await this.request("evm_mine");
    const receipt = await this.viem.getTransactionReceipt({ hash });
    invariant(receipt.status === "success", "devnet: a transaction that was estimated to succeed failed");
    return receipt;
  }
}
