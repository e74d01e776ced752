import { setImmediate as turn } from "node:timers/promises";
import type { Pipeline } from "@rivulet/pipelines";
import { RivuletError, silentLogger } from "@rivulet/primitives";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/backend.ts";
import { onnxBackend } from "../../src/backends/onnx/onnx-backend.ts";
import { implementationsOn } from "../../src/pipelines/index.ts";
import type { Tensor } from "../../src/tensor.ts";
import { ask, cheapJob, expectStanding, openStand, type Stand, subjects } from "./stand.ts";

type Results = Readonly<Record<string, Tensor>>;

/** What happens to the runs of graphs: nothing, unless a test says otherwise. */
let meddle: (file: string, run: () => Promise<Results>) => Promise<Results> = (_file, run) => run();

const runtime = onnxBackend({ log: silentLogger });
const meddled: Backend = {
  async open(file, options) {
    const graph = await runtime.open(file, options);
    return {
      file,
      inputs: graph.inputs,
      outputs: graph.outputs,
      run: (feeds, outputs) => meddle(file, () => graph.run(feeds, outputs)),
      close: () => graph.close(),
    };
  },
};

/** While it is not disposed of, `meddle` is another. */
function meddling(other: typeof meddle): Disposable {
  const before = meddle;
  meddle = other;
  return {
    [Symbol.dispose]() {
      meddle = before;
    },
  };
}

/** The files that a job runs, once for each run. */
async function runsOf(stand: Stand, pipeline: Pipeline): Promise<readonly string[]> {
  const files: string[] = [];
  using _ = meddling((file, run) => {
    files.push(file);
    return run();
  });
  expect((await ask(stand, pipeline)).status).toBe(200);
  return files;
}

function spoiled(results: Results): Results {
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [
      name,
      tensor.type === "float32" ? { ...tensor, data: new Float32Array(tensor.data.length).fill(Number.NaN) } : tensor,
    ]),
  );
}

/** Of many, the first ones, the last ones and some between. */
function sample(count: number): readonly number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  return all.filter((index) => index < 4 || index >= count - 2 || index % Math.ceil(count / 4) === 0);
}

const QUEUE = 3;

describe.each(subjects.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
  let stand: Stand;
  beforeAll(async () => {
    const implementations = implementationsOn(() => meddled);
    stand = await openStand({ pipelines: [pipeline], implementations, runner: { queueLimit: QUEUE } });
    await expectStanding(stand, [pipeline]);
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  test("answers no numbers that are none, whichever part of the model makes them", async () => {
    for (const file of new Set(await runsOf(stand, pipeline))) {
      using _ = meddling(async (each, run) => (each === file ? spoiled(await run()) : run()));
      const answer = await ask(stand, pipeline, { fields: { seed: file.length } });
      expect([file, answer.status, answer.code]).toEqual([file, 500, "runner.failed"]);
      expect(answer.text).toMatch(/files are damaged|too coarse|more than \d+ seconds/);
    }
    await expectStanding(stand, [pipeline]);
  });

  test("says that memory ran out and what helps, and does the next job", async () => {
    {
      using _ = meddling(async () => {
        throw new Error("Failed to allocate memory for requested buffer of size 8589934592");
      });
      const answer = await ask(stand, pipeline, { fields: { seed: 77 } });
      expect([answer.status, answer.code]).toEqual([500, "runner.out-of-memory"]);
      expect(answer.text).toMatch(/smaller request/);
    }
    await expectStanding(stand, [pipeline]);
  });

  test("says what helps when something is larger than a program can have it", async () => {
    {
      using _ = meddling(async () => ({ output: new Float32Array(-1) }) as never);
      const answer = await ask(stand, pipeline, { fields: { seed: 78 } });
      expect([answer.status, answer.code]).toEqual([500, "runner.failed"]);
      expect(answer.text).toMatch(/smaller request/);
    }
    await expectStanding(stand, [pipeline]);
  });

  test("lets a hundred callers in or sends them away at once, and does what it has begun", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(stand, pipeline)));
    const done = answers.filter(({ status }) => status === 200);
    const away = answers.filter(({ status, code }) => status === 503 && code === "capacity.exhausted");
    expect(done.length).toBeGreaterThan(QUEUE);
    expect(done.length + away.length).toBe(100);
    await expectStanding(stand, [pipeline]);
  });

  test("stops at whichever step it is called off, and does the next job", async () => {
    const count = (await runsOf(stand, pipeline)).length;
    for (const last of sample(count)) {
      const { request, media } = await cheapJob(pipeline);
      const job = stand.runner.prepare(pipeline, request, media);
      const controller = new AbortController();
      const reason = new RivuletError("request.cancelled", {});
      let runs = 0;
      using _ = meddling(async (_file, run) => {
        if (runs++ === last) {
          controller.abort(reason);
          await turn();
          await turn();
        }
        return run();
      });
      await expect(stand.runner.run(job, { signal: controller.signal })).rejects.toBe(reason);
      expect(runs).toBeLessThanOrEqual(last + 2);
    }
    await expectStanding(stand, [pipeline]);
  });

  test("stops when the caller hangs up", async () => {
    const controller = new AbortController();
    let runs = 0;
    using _ = meddling(async (_file, run) => {
      if (runs++ === 0) {
        controller.abort();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return run();
    });
    await expect(ask(stand, pipeline, { signal: controller.signal })).rejects.toThrow();
    await expectStanding(stand, [pipeline]);
  });
});
