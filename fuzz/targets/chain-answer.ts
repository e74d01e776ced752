import {
  bondingManagerAbi,
  Contract,
  latestBlock,
  logsBetween,
  readAnswer,
  receiptOf,
  revertError,
  serviceRegistryAbi,
  ticketBrokerAbi,
} from "@rivulet/chain";
import { address } from "@rivulet/crypto";
import { isError, RivuletError } from "@rivulet/primitives";
import { type Target, text, utf8 } from "../target.ts";

const at = address(`0x${"11".repeat(20)}`);
const broker = new Contract(at, ticketBrokerAbi);
const registry = new Contract(at, serviceRegistryAbi);
const hash = `0x${"ab".repeat(32)}` as const;
const calls = [
  latestBlock(),
  logsBetween(broker.filter(["WinningTicketRedeemed"]), 0n, 9n),
  receiptOf(hash),
  broker.read("getSenderInfo", [at]),
  registry.read("getServiceURI", [at]),
  new Contract(at, bondingManagerAbi).read("getTranscoder", [at]),
];
const log = {
  address: at,
  topics: [hash],
  data: "0x",
  blockNumber: "0x1",
  blockHash: hash,
  transactionHash: hash,
  logIndex: "0x0",
};
const block = { number: "0x10", hash, parentHash: hash, timestamp: "0x65", baseFeePerGas: "0x7", l1BlockNumber: "0x9" };
const receipt = {
  transactionHash: hash,
  from: at,
  blockNumber: "0x1",
  gasUsed: "0x5208",
  effectiveGasPrice: "0x1",
  status: "0x1",
};

/** What an endpoint answers, as the result of each kind of call, and as the reason of a revert. */
export const target: Target = {
  name: "chain-answer",
  corpus: [
    block,
    [log],
    { ...receipt, logs: [log] },
    `0x${"00".repeat(31)}20${"00".repeat(31)}03616263${"00".repeat(29)}`,
  ].map((answer) => utf8(JSON.stringify(answer))),
  words: ["null", "[]", "{}", '"0x"', "0x08c379a0", '"logs"', '"topics"', `"${hash}"`],
  fuzz: (bytes) => {
    const answer = parsed(text(bytes));
    const read = calls.map((call) => shape(() => readAnswer<unknown>(call, answer)));
    const data = typeof answer === "string" ? answer : "0x";
    return [read, revertError(new RivuletError("chain.refused", { rpcCode: 3, reason: text(bytes), data }), "f")];
  },
};

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** What was read, or that it was refused: every kind of call sees every input. */
function shape(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (isError(error, "peer.protocol") || isError(error, "chain.contract-missing")) return undefined;
    throw error;
  }
}
