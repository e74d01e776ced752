import { crc32, deflateSync } from "node:zlib";
import type { RunContext } from "../src/implementation.ts";

/**
 * Models that misbehave on request, for tests of what surrounds models.
 *
 * A model's id says how it loads (`fake/good`, `fake/fails-to-load`, `fake/too-large`, `fake/rubbish`, `fake/wrong-size`,
 * `fake/never-loads`, `fake/dies-loading`); the prompt says what a run does, word by word: `steps=3` reports steps,
 * `block=50` holds the thread that many milliseconds in every step, `hang` holds it for ever, `wait` waits for the
 * abort, `deaf` never ends and hears no abort, `crash` ends the process, `refuse` and `fail` throw; `large` runs out of memory every second run of the model.
 */
export const implementations = {
  "text-to-image": {
    async load(context: { model: string; onProgress: (progress: object) => void }) {
      context.onProgress({ kind: "loading", stage: "session", loaded: 1, total: 1 });
      if (context.model.endsWith("/fails-to-load")) throw new Error("no such weights");
      if (context.model.endsWith("/too-large")) throw new Error("std::bad_alloc");
      if (context.model.endsWith("/never-loads")) await new Promise(() => {});
      if (context.model.endsWith("/dies-loading")) {
        process.stderr.write("libfake.so: cannot open shared object file\n");
        process.exit(3);
      }
      let runs = 0;
      return {
        async run(request: Request, run: RunContext) {
          runs++;
          if (request.prompt === "large" && runs % 2 === 0) throw new Error("std::bad_alloc");
          return paint(context.model, request, run);
        },
        async dispose() {},
      };
    },
  },
};

interface Request {
  readonly prompt: string;
  readonly width: number;
  readonly height: number;
  readonly seed?: number;
  readonly num_images_per_prompt: number;
}

async function paint(model: string, request: Request, context: RunContext): Promise<Record<string, unknown>> {
  const words = new Map(request.prompt.split(" ").map((word) => [word.split("=")[0] ?? "", word.split("=")[1]]));
  const amount = (word: string) => Number(words.get(word) ?? 0);
  if (words.has("crash")) process.kill(process.pid, "SIGKILL");
  if (words.has("fail")) throw new Error("tensor of the wrong shape");
  if (words.has("refuse")) throw await refusal();
  if (words.has("deaf")) await new Promise(() => {});
  if (words.has("wait")) await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
  for (let step = 1; step <= amount("steps"); step++) {
    context.signal.throwIfAborted();
    context.onProgress({ kind: "step", image: 0, step, of: amount("steps") });
    const until = performance.now() + amount("block");
    while (performance.now() < until);
    await new Promise((resolve) => setImmediate(resolve));
  }
  while (words.has("hang"));
  context.signal.throwIfAborted();
  const { width, height } = model.endsWith("/wrong-size") ? { width: 8, height: 8 } : request;
  const seed = request.seed ?? 0;
  const url = model.endsWith("/rubbish") ? "data:image/png;base64,bm8gcGljdHVyZQ==" : pngUrl(width, height, seed);
  return {
    images: Array.from({ length: request.num_images_per_prompt }, (_, i) => ({ url, seed: seed + i, nsfw: false })),
  };
}

async function refusal(): Promise<Error> {
  const { RivuletError } = await import("@rivulet/primitives");
  return new RivuletError("request.rejected-by-model", { reason: "sizes must be multiples of 64" });
}

/** A PNG of one colour, drawn by the seed. */
function pngUrl(width: number, height: number, seed: number): string {
  const row = Buffer.alloc(1 + width * 3, seed % 256);
  row[0] = 0;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.concat(Array.from({ length: height }, () => row));
  const png = Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
  return `data:image/png;base64,${png.toString("base64")}`;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}
