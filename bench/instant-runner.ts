/**
 * A runner that answers at once: `instant-runner.ts SMALL_PNG LARGE_PNG`. What is measured through it is everything but
 * the model. It prints its address, and ends when standard input closes.
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [small = "", large = ""] = process.argv.slice(2);

function picture(file: string): Buffer {
  const url = `data:image/png;base64,${readFileSync(file).toString("base64")}`;
  return Buffer.from(JSON.stringify({ images: [{ url, seed: 1, nsfw: false }] }));
}

const text = {
  id: "chatcmpl-0",
  object: "chat.completion",
  created: 1,
  model: "bench/text",
  choices: [{ index: 0, message: { role: "assistant", content: "a short answer" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 },
};

const models = [
  { pipeline: "llm", model_id: "bench/text" },
  { pipeline: "text-to-image", model_id: "bench/small" },
  { pipeline: "text-to-image", model_id: "bench/large" },
];

/** Requests say which model they want; that is all this runner looks at. */
const answers: readonly (readonly [marker: string, body: Buffer])[] = [
  ["bench/text", Buffer.from(JSON.stringify(text))],
  ["bench/small", picture(small)],
  ["bench/large", picture(large)],
];

const control: Readonly<Record<string, unknown>> = {
  "/health": {
    status: "OK",
    models: models.map((model) => ({ ...model, warm: true, slots: 1024, free: 1024, state: "ready" })),
  },
  "/version": { pipeline: "", model_id: "", version: "0.14.1" },
  "/hardware/info": { pipeline: "", model_id: "", gpu_info: {} },
  "/hardware/stats": { pipeline: "", model_id: "", gpu_stats: {} },
};

const server = createServer((request, response) => {
  const told = control[request.url ?? ""];
  if (told !== undefined) {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(told));
    return;
  }
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    const asked = Buffer.concat(pieces);
    const body = answers.find(([marker]) => asked.includes(marker))?.[1];
    response.writeHead(body === undefined ? 400 : 200, {
      "content-type": "application/json",
      "content-length": body?.length ?? 0,
    });
    response.end(body);
  });
});
// Peers keep their connections for as long as the measurement takes.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`http://127.0.0.1:${port}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
