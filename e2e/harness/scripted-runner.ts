import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { encodePng } from "@rivulet/media";
import { at } from "./ask.ts";

/** One job that reached a scripted runner. The test decides what becomes of it. */
export interface ScriptedJob {
  readonly path: string;
  readonly request: unknown;
  readonly response: ServerResponse;
  /** Whether the caller has gone. */
  readonly isAbandoned: () => boolean;
}

export type Script = (job: ScriptedJob) => void | Promise<void>;

/**
 * A runner with the HTTP surface of the published one, whose jobs do what the test says: for making the world misbehave
 * around real orchestrators, workers and gateways.
 */
export class ScriptedRunner implements AsyncDisposable {
  /** What happens to a job. Changed while it runs. */
  script: Script;
  /** Jobs that came, in order. */
  readonly jobs: ScriptedJob[] = [];
  readonly #server: Server;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(script: Script = answerPicture) {
    this.script = script;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(script?: Script): Promise<ScriptedRunner> {
    const runner = new ScriptedRunner(script);
    await new Promise<void>((resolve) => runner.#server.listen(0, "127.0.0.1", resolve));
    return runner;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the runner has not started");
    return `http://127.0.0.1:${address.port}`;
  }

  /** The value of `-aiModels` for a node that uses this runner. */
  models(options: { readonly warm?: boolean; readonly capacity?: number; readonly model?: string } = {}): string {
    const { warm = true, capacity = 1, model = MODEL } = options;
    return `-aiModels=${JSON.stringify([{ pipeline: "text-to-image", model_id: model, url: this.url, warm, capacity }])}`;
  }

  /** Resolves when so many jobs have come in all. */
  came(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ count, resolve });
      this.#notify();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const told = control[request.url ?? ""];
    if (told !== undefined) return send(response, 200, told);
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    let isAbandoned = false;
    response.once("close", () => {
      isAbandoned = !response.writableFinished;
    });
    const job = {
      path: request.url ?? "",
      request: JSON.parse(Buffer.concat(pieces).toString()),
      response,
      isAbandoned: () => isAbandoned,
    };
    this.jobs.push(job);
    this.#notify();
    await this.script(job);
  }

  #notify(): void {
    for (const waiter of this.#waiting) if (this.jobs.length >= waiter.count) waiter.resolve();
  }
}

/** The model of scripted runners. */
export const MODEL = "scripted/model";

const control: Readonly<Record<string, unknown>> = {
  "/health": { status: "OK" },
  "/version": { pipeline: "text-to-image", model_id: MODEL, version: "0.14.1" },
  "/hardware/info": { pipeline: "text-to-image", model_id: MODEL, gpu_info: {} },
};

/** A request that scripted runners answer quickly. */
export const request = { model_id: MODEL, prompt: "a circle", width: 64, height: 64, num_inference_steps: 1 };

/** The right answer: pictures of the asked size, with the asked seeds. */
export async function answerPicture(job: ScriptedJob): Promise<void> {
  const [width, height, seed, count] = ["width", "height", "seed", "num_images_per_prompt"].map((name) =>
    Number(at(job.request, name)),
  );
  const png = await encodePng({
    width: width ?? 64,
    height: height ?? 64,
    data: new Uint8Array((width ?? 64) * (height ?? 64) * 3),
  });
  const url = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  const images = Array.from({ length: count ?? 1 }, (_, index) => ({ url, seed: (seed ?? 0) + index, nsfw: false }));
  send(job.response, 200, { images });
}

/** Never answers. */
export function hang(): void {}

/** Holds every job until it is let go. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();

  readonly script: Script = async (job) => {
    await this.#opened.promise;
    if (!job.isAbandoned()) await answerPicture(job);
  };

  open(): void {
    this.#opened.resolve();
  }
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(typeof body === "string" ? body : JSON.stringify(body));
}
