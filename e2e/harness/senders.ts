import { type ClientHttp2Session, connect } from "node:http2";
import { keccak256 } from "@rivulet/crypto";
import { systemClock } from "@rivulet/node";
import { OlderGateway, type OlderGatewayPorts, type OlderJob } from "@rivulet/testkit";
import {
  decodeOrchestratorInfo,
  encodeOrchestratorRequest,
  type OrchestratorInfo,
  type OrchestratorRequest,
} from "@rivulet/wire";
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
  readonly #control: ClientHttp2Session;
  #l1Block = 0n;

  constructor(stage: MoneyStage, { node }: PaidNode) {
    const baseUrl = node.address;
    this.#stage = stage;
    this.#control = connect(baseUrl, { rejectUnauthorized: false });
    this.#ports = {
      ask: (question) => askOver(this.#control, question),
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
    this.#control.destroy();
    await this.#agent.close();
  }
}

/** Bytes before a message of gRPC: whether it is compressed, and its length. */
const FRAME_HEADER = 5;

/** One question in the frames of gRPC, as another implementation writes them. */
async function askOver(control: ClientHttp2Session, question: OrchestratorRequest): Promise<OrchestratorInfo> {
  const message = encodeOrchestratorRequest(question);
  const header = Buffer.alloc(FRAME_HEADER);
  header.writeUInt32BE(message.length, 1);
  const stream = control.request({
    ":method": "POST",
    ":path": "/net.Orchestrator/GetOrchestrator",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.end(Buffer.concat([header, message]));
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  const answer = Buffer.concat(pieces);
  if (answer.length < FRAME_HEADER) throw new Error("the orchestrator refused to answer");
  return decodeOrchestratorInfo(answer.subarray(FRAME_HEADER));
}
