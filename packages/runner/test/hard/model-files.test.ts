import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, relative } from "node:path";
import type { Pipeline } from "@rivulet/pipelines";
import { isError, modelId, silentLogger } from "@rivulet/primitives";
import { seededRandomness, tinyModel } from "@rivulet/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend, Graph } from "../../src/backend.ts";
import { onnxBackend } from "../../src/backends/onnx/onnx-backend.ts";
import { memoryLauncher } from "../../src/host/memory-host.ts";
import type { HostImplementations } from "../../src/host/serve-host.ts";
import { type Implementations, implementationsOn } from "../../src/pipelines/index.ts";
import { Runner } from "../../src/runner.ts";
import { systemClock } from "../../src/system.ts";
import { cheapJob, checkResult, PATIENCE, subjects } from "./stand.ts";

/** ONNX Runtime that opens files of the same bytes once, whatever they are called: most are whole. */
const opened = new Map<string, Promise<Graph>>();
const runtime = onnxBackend({ log: silentLogger });
const keeping: Backend = {
  async open(file, options) {
    const key = createHash("sha256")
      .update(await readFile(file))
      .digest("hex");
    const known = opened.get(key) ?? runtime.open(file, options);
    opened.set(key, known);
    const graph = await known;
    return {
      inputs: graph.inputs,
      outputs: graph.outputs,
      file,
      run: (...run) => named(file, graph.run(...run)),
      close: async () => {},
    };
  },
};

async function named<T>(file: string, run: Promise<T>): Promise<T> {
  return run.catch((cause: unknown) => {
    throw new Error(`${file}: ${cause}`, { cause });
  });
}

const basics = { randomness: seededRandomness(1), clock: systemClock, log: silentLogger };
const launcher = memoryLauncher({
  implementations: implementationsOn(() => keeping) as unknown as HostImplementations,
  ...basics,
});
const ports = { ...basics, launcher };

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rivulet-damage-"));
});
afterAll(() => rm(root, { recursive: true }));

/** What comes of a model in a models directory: it works, or why it does not. */
async function outcomeOf(pipeline: Pipeline, model: string): Promise<string> {
  const name = pipeline.name as keyof Implementations;
  const runner = new Runner({ models: [{ pipeline: name, model: modelId(model) }], modelDirectories: [root] }, ports);
  await runner.start();
  try {
    const { request, media } = await cheapJob(pipeline);
    const job = runner.prepare(pipeline, { ...request, [pipeline.modelField]: model }, media);
    const { response } = await runner.run(job, { signal: AbortSignal.timeout(PATIENCE) });
    await checkResult(pipeline, response);
    return "works";
  } catch (error) {
    expect(String(error)).not.toContain(root);
    const isOurs = isError(error, "model.load-failed") || isError(error, "runner.failed");
    return isOurs ? String(error.facts.reason) : `nothing of ours: ${error}`;
  } finally {
    await runner.stop();
  }
}

type Damage = (file: string, others: readonly string[]) => Promise<readonly string[]>;

/** Each damages a file and says which files are wrong then. */
const damages: Readonly<Record<string, Damage>> = {
  missing: async (file) => {
    await rm(file);
    return [file];
  },
  cut: async (file) => {
    const whole = await readFile(file);
    await writeFile(file, whole.subarray(0, whole.length * 0.6));
    return [file];
  },
  "in another's place": async (file, others) => {
    const alike = others.filter((other) => extname(other) === extname(file));
    const other = alike[(alike.indexOf(file) + 1) % alike.length] ?? file;
    const [here, there] = await Promise.all([readFile(file), readFile(other)]);
    await Promise.all([writeFile(file, there), writeFile(other, here)]);
    return [file, other];
  },
};

describe.each(subjects.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
  test.each(Object.entries(damages))(
    "with any file %s it works all the same, or says which file is wrong",
    async (_what, damage) => {
      const { id: model, directory: whole } = tinyModel(pipeline);
      const entries = await readdir(whole, { recursive: true, withFileTypes: true });
      const files = entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(whole, join(entry.parentPath, entry.name)));
      const silent: string[] = [];
      for (const file of files) {
        const directory = join(root, model);
        await rm(directory, { recursive: true, force: true });
        await cp(whole, directory, { recursive: true });
        const wrong = await damage(
          join(directory, file),
          files.map((each) => join(directory, each)),
        );
        const outcome = await outcomeOf(pipeline, model);
        const isNamed = wrong.some((each) => outcome.includes(relative(directory, each)));
        if (outcome !== "works" && !isNamed) silent.push(`${file}: ${outcome}`);
      }
      expect(silent).toEqual([]);
    },
  );
});
