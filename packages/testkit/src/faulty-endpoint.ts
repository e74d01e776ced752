import { type EndpointAnswer, type EndpointCall, type EndpointReply, FakeEndpoint } from "./fake-endpoint.ts";

/** What becomes of one call to the endpoint that stands behind. */
export type EndpointFault = (
  call: EndpointCall,
  forward: (call: EndpointCall) => Promise<EndpointAnswer>,
) => Promise<EndpointReply>;

/** Stands before an endpoint of a chain and misbehaves as a test tells it. */
export class FaultyEndpoint extends FakeEndpoint {
  readonly #target: string;
  #fault: EndpointFault = endpointFaults.none;

  constructor(target: string) {
    super();
    this.#target = target;
  }

  /** What happens to calls from now on. */
  behave(fault: EndpointFault): void {
    this.#fault = fault;
  }

  protected override async reply(call: EndpointCall): Promise<EndpointReply> {
    try {
      return await this.#fault(call, (forwarded) => this.#forward(forwarded));
    } catch {
      // Behind this there is no endpoint any more.
      return "crash";
    }
  }

  async #forward(call: EndpointCall): Promise<EndpointAnswer> {
    const response = await fetch(this.#target, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...call }),
    });
    const {
      id: _id,
      jsonrpc: _version,
      ...answer
    } = (await response.json()) as { id: 1; jsonrpc: "2.0" } & EndpointAnswer;
    return answer as EndpointAnswer;
  }
}

/** Ways in which endpoints are known to fail. */
interface EndpointFaults {
  /** Answers as the endpoint behind it does. */
  readonly none: EndpointFault;
  /** Every connection breaks. */
  readonly down: EndpointFault;
  /** Takes calls and never answers. */
  readonly silent: EndpointFault;
  /** Says that there were too many calls. */
  readonly limited: EndpointFault;
  /** Answers with no JSON. */
  readonly rubbish: EndpointFault;
  /** Answers only after this. */
  slow(until: Promise<unknown>): EndpointFault;
  /** Fails every call, or those of one method, with an error of JSON-RPC. */
  failing(code: number, message: string, method?: string): EndpointFault;
  /** Refuses to look for logs in more blocks than this at once. */
  narrow(blocks: number): EndpointFault;
  /** Serves another chain than is believed. */
  chain(id: number): EndpointFault;
  /** Has stopped to follow: `head` is the last block it knows, and all it says is as of then. */
  stale(head: bigint): EndpointFault;
}

export const endpointFaults: EndpointFaults = {
  none: (call, forward) => forward(call),
  down: async () => "crash",
  silent: async () => "hang",
  limited: async () => ({ status: 429, body: "too many requests" }),
  rubbish: async () => ({ status: 200, body: "<html>upstream is away</html>" }),
  slow: (until) => async (call, forward) => {
    await until;
    return forward(call);
  },
  failing: (code, message, method) => async (call, forward) =>
    method === undefined || call.method === method ? { error: { code, message } } : forward(call),
  narrow: (blocks) => async (call, forward) =>
    call.method === "eth_getLogs" && spanOf(call) > BigInt(blocks)
      ? { error: { code: -32005, message: "query returned more than 10000 results" } }
      : forward(call),
  chain: (id) => async (call, forward) => (call.method === "eth_chainId" ? { result: hex(BigInt(id)) } : forward(call)),
  stale: (head) => (call, forward) => answerAsOf(head, call, forward),
};

const MOVING_TAGS = new Set<unknown>(["latest", "pending", "safe", "finalized"]);

async function answerAsOf(
  head: bigint,
  { method, params }: EndpointCall,
  forward: (call: EndpointCall) => Promise<EndpointAnswer>,
): Promise<EndpointAnswer> {
  const bounded = (tag: unknown) => (MOVING_TAGS.has(tag) ? hex(head) : tag);
  if (method === "eth_blockNumber") return { result: hex(head) };
  if (method === "eth_getBlockByNumber" && isAfter(head, params[0])) return { result: null };
  if (method === "eth_getLogs") {
    const [filter] = params as [Record<string, unknown>];
    const { fromBlock, toBlock } = filter;
    if (isAfter(head, fromBlock)) return { result: [] };
    const last = toBlock === undefined || isAfter(head, toBlock) ? hex(head) : bounded(toBlock);
    return forward({ method, params: [{ ...filter, fromBlock: bounded(fromBlock), toBlock: last }] });
  }
  const answer = await forward({ method, params: params.map(bounded) });
  if (!("result" in answer) || typeof answer.result !== "object" || answer.result === null) return answer;
  return isAfter(head, Reflect.get(answer.result, "blockNumber")) ? { result: null } : answer;
}

function spanOf({ params: [filter] }: EndpointCall): bigint {
  const { fromBlock, toBlock } = filter as Readonly<Record<string, unknown>>;
  return BigInt(String(toBlock)) - BigInt(String(fromBlock)) + 1n;
}

function isAfter(head: bigint, block: unknown): boolean {
  return typeof block === "string" && block.startsWith("0x") && BigInt(block) > head;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
