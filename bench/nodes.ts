import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodePng } from "@rivulet/media";
import { NodeProcess } from "@rivulet/node";
import { Pool } from "undici";
import { type Load, load } from "./measure.ts";

/** Slots of each model, so that none of the callers waits for one. */
const SLOTS = 1024;

/** One kind of request. */
export interface Case {
  readonly name: string;
  readonly path: string;
  readonly body: string;
}

/** For a picture of one of the instant runner's models. */
export function pictureRequest(model: string, size: number): string {
  return JSON.stringify({
    model_id: model,
    prompt: "a circle",
    width: size,
    height: size,
    seed: 1,
    num_inference_steps: 1,
  });
}

/** A runner that answers at once, in a process of its own. */
export class InstantRunner implements Disposable {
  readonly #child;
  readonly address: string;

  private constructor(child: ReturnType<typeof spawnRunner>, address: string) {
    this.#child = child;
    this.address = address;
  }

  /** Its pictures are written into `directory`. */
  static async start(directory: string): Promise<InstantRunner> {
    const small = join(directory, "small.png");
    const large = join(directory, "large.png");
    writeFileSync(small, await noise(64));
    writeFileSync(large, await noise(592));
    const child = spawnRunner(small, large);
    const [line]: readonly unknown[] = await once(child.stdout, "data");
    return new InstantRunner(child, String(line).trim());
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** For an orchestrator's `-aiModels`. */
  get models(): string {
    const model = (pipeline: string, model_id: string) => ({
      pipeline,
      model_id,
      url: this.address,
      warm: true,
      capacity: SLOTS,
    });
    return JSON.stringify([
      model("llm", "bench/text"),
      model("text-to-image", "bench/small"),
      model("text-to-image", "bench/large"),
    ]);
  }

  [Symbol.dispose](): void {
    this.#child.stdin.end();
  }
}

function spawnRunner(small: string, large: string) {
  const program = fileURLToPath(new URL("instant-runner.ts", import.meta.url));
  return spawn(process.execPath, [program, small, large], { stdio: ["pipe", "pipe", "inherit"] });
}

/** A picture that does not compress: its file is as large as its pixels. */
function noise(size: number): Promise<Uint8Array> {
  const rgb = new Uint8Array(size * size * 3);
  let state = 1;
  for (let i = 0; i < rgb.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    rgb[i] = state >>> 24;
  }
  return encodePng({ width: size, height: size, data: rgb });
}

/** Starts a node and adds it to `nodes`, whose owner stops them. */
export async function startNode(nodes: NodeProcess[], name: string, args: readonly string[]): Promise<NodeProcess> {
  const main = fileURLToPath(new URL("../apps/rivulet/src/main.ts", import.meta.url));
  const node = new NodeProcess({
    name,
    program: [process.execPath, main],
    args: [...args, "-logLevel=info"],
    env: process.env,
  });
  nodes.push(node);
  await node.start();
  return node;
}

/** The gateway asks its orchestrators in the background: waits until it has heard of every model. */
export async function ready(gateway: string): Promise<void> {
  for (;;) {
    const network = await fetch(`${gateway}/network`);
    const text = await network.text();
    if (["bench/text", "bench/small", "bench/large"].every((model) => text.includes(model))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Sends one kind of request for so many seconds. The first second warms connections and the compiler up. */
export async function run(origin: string, each: Case, concurrency: number, seconds: number): Promise<Load> {
  return await calling(origin, each, concurrency, async (call) => {
    await load(call, concurrency, 1000);
    return await load(call, concurrency, seconds * 1000);
  });
}

/** Sends so many requests, so that the compiler has seen all that is on their way. */
export async function warmUp(origin: string, each: Case, requests: number): Promise<void> {
  const atOnce = 16;
  await calling(origin, each, atOnce, async (call) => {
    for (let sent = 0; sent < requests; sent += atOnce) await Promise.all(Array.from({ length: atOnce }, call));
  });
}

async function calling<T>(
  origin: string,
  each: Case,
  concurrency: number,
  work: (call: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const pool = new Pool(origin, { connections: concurrency, pipelining: 1 });
  const call = async () => {
    const answer = await pool.request({
      method: "POST",
      path: each.path,
      headers: { "content-type": "application/json" },
      body: each.body,
    });
    const text = await answer.body.arrayBuffer();
    if (answer.statusCode !== 200)
      throw new Error(`${answer.statusCode}: ${Buffer.from(text).toString().slice(0, 300)}`);
  };
  try {
    await call();
    return await work(call);
  } finally {
    await pool.close();
  }
}
