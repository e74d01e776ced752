/**
 * `npm run bench -- picture [--json] [--runs N]`: seconds from a caption to its picture, through the whole network of
 * `npm start` on this machine, with the model warm.
 */

import { fileURLToPath } from "node:url";
import { findStarterModels, LocalNetwork, ProgressLines, secureRandomness, systemClock } from "@rivulet/node";
import { latencyOf } from "./measure.ts";
import { report } from "./report.ts";

const runs = Number(/--runs[= ](\d+)/.exec(process.argv.join(" "))?.[1] ?? 10);
const captions = ["a large red circle on a blue background", "a small green square on a white background"];

const screen = { isTTY: false, write: (text: string) => void process.stderr.write(text) };
const network = new LocalNetwork(
  {
    models: findStarterModels()
      .filter(({ pipeline }) => pipeline === "text-to-image")
      .map((model) => ({ ...model, isWarm: true })),
    program: [process.execPath, fileURLToPath(new URL("../apps/rivulet/src/main.ts", import.meta.url))],
    env: process.env,
    logLevel: "warn",
  },
  { progress: new ProgressLines(screen, systemClock), randomness: secureRandomness, clock: systemClock },
);

const whole: number[] = [];
const inference: number[] = [];
try {
  await network.start();
  await network.warm(AbortSignal.timeout(300_000));
  await picture(0);
  for (let run = 0; run < runs; run++) await picture(run);
} finally {
  await network.stop();
}

const [all, model] = [latencyOf(whole.slice(1)), latencyOf(inference.slice(1))];
report(
  "picture",
  [
    {
      runs,
      "caption to picture p50 s": all.p50 / 1000,
      "slowest s": all.p999 / 1000,
      "inference p50 s": model.p50 / 1000,
    },
  ],
  { wholeMs: all, inferenceMs: model },
  { "whole / inference": all.p50 / model.p50 },
);

async function picture(run: number): Promise<void> {
  const begin = performance.now();
  const answer = await fetch(`${network.gateway}/text-to-image`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: captions[run % captions.length], seed: run }),
  });
  const body: { images?: readonly { readonly url: string }[] } = await answer.json();
  const url = body.images?.[0]?.url;
  if (!answer.ok || url === undefined)
    throw new Error(`the gateway answered ${answer.status}: ${JSON.stringify(body)}`);
  await (await fetch(new URL(url, network.gateway))).arrayBuffer();
  whole.push(performance.now() - begin);
  inference.push(Number(/inference;dur=([\d.]+)/.exec(answer.headers.get("server-timing") ?? "")?.[1]));
}
