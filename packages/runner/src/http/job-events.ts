import type { ServerResponse } from "node:http";
import type { JobEvent } from "../model-pool.ts";
import type { RunnerJob } from "../runner.ts";

/**
 * The event stream of one job: `queued`, `loading`, `started`, `progress`, `image`, `part`, then `done` with the usual answer or
 * `error`. Source: runner-and-models 9.4.
 *
 * The stream begins with its first event, so a request that is refused before that is answered like any other.
 */
export class JobEvents {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>) {
    this.#response = response;
    this.#headers = headers;
  }

  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  tell(job: RunnerJob, event: JobEvent): void {
    if (event.kind === "queued") this.#send("queued", { position: event.position });
    else if (event.kind === "loading")
      this.#send("loading", { stage: event.stage, loaded: event.loaded, total: event.total });
    else if (event.kind === "started")
      this.#send("started", { seed: job.request["seed"], steps: job.request["num_inference_steps"] });
    else if (event.kind === "step") this.#send("progress", { step: event.step, of: event.of, image: event.image });
    else if (event.kind === "image")
      this.#send("image", { index: event.image, url: event.url, seed: event.seed, nsfw: event.nsfw });
    else this.#send("part", event.part);
  }

  done(response: object): void {
    this.#send("done", response);
    this.#response.end();
  }

  failed(status: number, body: object): void {
    this.#send("error", { status, ...body });
    this.#response.end();
  }

  #send(event: string, data: object): void {
    if (this.#response.destroyed) return;
    if (!this.#response.headersSent)
      this.#response.writeHead(200, {
        ...this.#headers,
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
      });
    this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
