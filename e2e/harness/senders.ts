import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { keccak256 } from "@rivulet/crypto";
import { systemClock } from "@rivulet/node";
import { OlderGateway, type OlderGatewayPorts, type OlderJob } from "@rivulet/testkit";
import { OrchestratorService, orchestratorInfoOf, orchestratorRequestMessage } from "@rivulet/wire";
import { Agent, request as send } from "undici";
import { ENOUGH, type MoneyStage, type PaidNode } from "./money.ts";
import { MODEL, request } from "./scripted-runner.ts";

/** The scripted request, as gateways of the older software send and count it. */
export const pictureJob: OlderJob = {
  capability: 27,
  pipeline: "text-to-image",
  model: MODEL,
  units: 64n * 64n,
  contentType: "application/json",
  body: JSON.stringify({ ...request, seed: 1, num_images_per_prompt: 1 }),
};

/** Gateways in the test's own process, which can lie, over real connections to one orchestrator. */
export class Senders implements AsyncDisposable {
  readonly #stage: MoneyStage;
  readonly #ports: OlderGatewayPorts;
  readonly #agent = new Agent({ connect: { rejectUnauthorized: false } });
  readonly #control: Http2SessionManager;
  #l1Block = 0n;

  constructor(stage: MoneyStage, { node }: PaidNode) {
    const baseUrl = node.address;
    this.#stage = stage;
    this.#control = new Http2SessionManager(baseUrl, {}, { rejectUnauthorized: false });
    const transport = createGrpcTransport({ baseUrl, sessionManager: this.#control });
    const client = createClient(OrchestratorService, transport);
    this.#ports = {
      ask: async (question) => orchestratorInfoOf(await client.getOrchestrator(orchestratorRequestMessage(question))),
      post: async (path, headers, body) => {
        const answer = await send(`${baseUrl}${path}`, { method: "POST", dispatcher: this.#agent, headers, body });
        return { status: answer.statusCode, text: await answer.body.text() };
      },
      l1Block: () => this.#l1Block,
      now: () => systemClock.now(),
    };
  }

  /** New ones, with money in the contract of which the orchestrator knows. A key is a name, hashed. */
  async open<const Names extends readonly string[]>(...names: Names): Promise<{ [Name in keyof Names]: OlderGateway }> {
    const opened = names.map((name) => new OlderGateway(keccak256(Buffer.from(name)), this.#ports));
    for (const { address } of opened) await this.#stage.devnet.fundSender(address, ENOUGH);
    await this.#stage.followed();
    await this.look();
    return opened as { [Name in keyof Names]: OlderGateway };
  }

  /** Lets them all see the newest block. */
  async look(): Promise<void> {
    this.#l1Block = await this.#stage.devnet.client.blockNumber();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.abort();
    await this.#agent.close();
  }
}
