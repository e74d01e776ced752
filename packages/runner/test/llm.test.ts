import { cp, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type PipelineRequest, llm as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Backend } from "../src/backend.ts";
import { onnxBackend } from "../src/backends/onnx/onnx-backend.ts";
import type { RunContext } from "../src/implementation.ts";
import { llm } from "../src/pipelines/llm.ts";
import { referenceFile } from "./parity/references.ts";
import { keepingBackend, type Run, recordingBackend } from "./recording-backend.ts";

const backend = keepingBackend();

async function load(graphs: Backend = backend) {
  const runs: Run[] = [];
  const model = await llm(() => recordingBackend(runs, { open: 0 }, graphs)).load({
    directory: referenceFile("qwen", "model"),
    model: "tiny/qwen",
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
  return { model, runs };
}

function request(fields: Partial<PipelineRequest<"llm">> = {}): PipelineRequest<"llm"> {
  return { ...pipeline.request.parse({ messages: [{ role: "user", content: "What?" }], max_tokens: 6 }), ...fields };
}

function context(overrides: Partial<RunContext> = {}): RunContext {
  return {
    media: {},
    signal: new AbortController().signal,
    randomness: seededRandomness(1),
    clock: new TestClock(),
    onProgress: () => {},
    ...overrides,
  };
}

test("a model is read from the best file it has", async () => {
  const directory = await mkdtemp(join(tmpdir(), "rivulet-llm-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await cp(referenceFile("qwen", "model"), directory, { recursive: true });
  const opened: string[] = [];
  const watching: Backend = {
    open(file, options) {
      opened.push(basename(file));
      return onnxBackend({ log: silentLogger }).open(file, options);
    },
  };
  const loaded = async () => {
    const context = { directory, model: "m", threads: 1, log: silentLogger, onProgress: () => {} };
    await (await llm(() => watching).load(context)).dispose();
  };
  await rename(join(directory, "onnx/model.onnx"), join(directory, "onnx/model_q4.onnx"));
  await loaded();
  await cp(join(directory, "onnx/model_q4.onnx"), join(directory, "onnx/model_fp16.onnx"));
  await loaded();
  expect(opened).toEqual(["model_q4.onnx", "model_fp16.onnx"]);
  await rm(join(directory, "onnx"), { recursive: true });
  await expect(loaded()).rejects.toThrow("the model has none of onnx/model.onnx");
});

describe("a conversation", () => {
  test("is answered piece by piece, and the pieces are the answer", async () => {
    const { model } = await load();
    const parts: unknown[] = [];
    const clock = new TestClock();
    const onProgress: RunContext["onProgress"] = (event) => event.kind === "part" && parts.push(event.part);
    const whole = await model.run(request({ stream: true, max_tokens: 12 }), context({ onProgress, clock }));
    const read = parts.map((part) => pipeline.response.parse(part));
    expect(read.map(({ choices }) => choices[0]?.delta?.content).join("")).toBe(whole.choices[0]?.message?.content);
    expect(read.slice(0, -1).map(({ choices }) => choices[0]?.finish_reason)).not.toContain("length");
    expect(read.at(-1)?.choices[0]).toMatchObject({ finish_reason: "length", delta: { content: "" } });
    expect(read.at(-1)?.usage).toEqual(whole.usage);
    expect(new Set(read.map(({ id }) => id))).toEqual(new Set([whole.id]));
  });

  test("never has more tokens than asked for, and says that it was cut", async () => {
    const { model } = await load();
    const { usage, choices } = await model.run(request({ max_tokens: 3 }), context());
    expect(usage.completion_tokens).toBe(3);
    expect(usage.total_tokens).toBe(usage.prompt_tokens + 3);
    expect(choices[0]?.finish_reason).toBe("length");
  });

  test("reads each token once", async () => {
    const { model, runs } = await load();
    await model.run(request({ max_tokens: 5, temperature: 0 }), context());
    expect(runs.map(({ feeds }) => feeds["input_ids"]?.data.length).slice(1)).toEqual([1, 1, 1, 1]);
  });

  test("that goes on is read on from where it was left, and one that is asked again is not read again", async () => {
    const { model, runs } = await load();
    const read = () => runs.splice(0).map(({ feeds }) => feeds["input_ids"]?.data.length ?? 0);
    const asked = [{ role: "user", content: "What is two plus three?" }] as const;
    const first = await model.run(request({ messages: [...asked], temperature: 0 }), context());
    expect(read()[0]).toBe(first.usage.prompt_tokens);
    const again = await model.run(request({ messages: [...asked], temperature: 0 }), context());
    expect(read()[0]).toBe(1);
    expect(again.choices).toEqual(first.choices);
    const goingOn = [
      ...asked,
      { role: "assistant", content: "Five." },
      { role: "user", content: "And four?" },
    ] as const;
    const anew = (await load()).model.run(request({ messages: [...goingOn], temperature: 0 }), context());
    const next = await model.run(request({ messages: [...goingOn], temperature: 0 }), context());
    expect(read()[0]).toBeLessThanOrEqual(next.usage.prompt_tokens - first.usage.prompt_tokens);
    expect([next.usage, next.choices]).toEqual([(await anew).usage, (await anew).choices]);
  });

  test("is read anew by a decoder of two halves, which goes on by single tokens only", async () => {
    const halved: Backend = {
      async open(...asked) {
        const graph = await backend.open(...asked);
        return {
          ...graph,
          inputs: [...graph.inputs, { name: "use_cache_branch", type: "bool", dims: [1] }],
          outputs: graph.outputs,
          run: ({ use_cache_branch: _, ...feeds }, outputs) => graph.run(feeds, outputs),
        };
      },
    };
    const { model, runs } = await load(halved);
    const first = await model.run(request(), context());
    const count = runs.length;
    expect((await model.run(request(), context())).choices).toEqual(first.choices);
    const read = runs.map(({ feeds }) => feeds["input_ids"]?.dims[1]);
    expect(read[count]).toBe(first.usage.prompt_tokens);
    expect(read.slice(1, count)).toEqual(new Array<number>(count - 1).fill(1));
  });

  test("with a seed is read anew, so that the same text comes out whatever was read before", async () => {
    const { model, runs } = await load();
    const asked = request({ seed: 5, temperature: 1.5 });
    const first = await model.run(asked, context());
    const lengths = runs.splice(0).map(({ feeds }) => feeds["input_ids"]?.data.length);
    expect((await model.run(asked, context())).choices).toEqual(first.choices);
    expect(runs.map(({ feeds }) => feeds["input_ids"]?.data.length)).toEqual(lengths);
  });

  test("that is called off is read on from as well", async () => {
    const { model, runs } = await load();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new RivuletError("request.cancelled", {}));
    await expect(model.run(request(), context({ signal: controller.signal, onProgress }))).rejects.toThrow();
    runs.splice(0);
    await model.run(request(), context());
    expect(runs[0]?.feeds["input_ids"]?.data.length).toBe(1);
  });

  test("is drawn by the caller's chance alone", async () => {
    const { model } = await load();
    const answers = [1, 1, 2].map((seed) =>
      model.run(request({ max_tokens: 20, temperature: 1.5 }), context({ randomness: seededRandomness(seed) })),
    );
    const [one, same, other] = (await Promise.all(answers)).map(({ choices }) => choices[0]?.message?.content);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });

  test("is the same with the same seed, whoever's chance it is", async () => {
    const { model } = await load();
    const answers = [7, 7, 8].map((seed, i) =>
      model.run(request({ max_tokens: 20, temperature: 1.5, seed }), context({ randomness: seededRandomness(i) })),
    );
    const [one, same, other] = (await Promise.all(answers)).map(({ choices }) => choices[0]?.message?.content);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });

  test("ends before a text that it must not have, and nothing of that is told", async () => {
    const { model } = await load();
    const asked = request({ max_tokens: 24, temperature: 0, stream: true });
    const whole = (await model.run(asked, context())).choices[0]?.message?.content ?? "";
    const middle = Math.floor(whole.length / 2);
    const stop = whole.slice(middle, middle + 3);
    let told = "";
    const onProgress: RunContext["onProgress"] = (event) => {
      if (event.kind === "part") told += pipeline.response.parse(event.part).choices[0]?.delta?.content;
    };
    for (const stops of [stop, ["not in it", stop]]) {
      told = "";
      const { choices, usage } = await model.run({ ...asked, stop: stops }, context({ onProgress }));
      expect(choices[0]?.message?.content).toBe(whole.slice(0, whole.indexOf(stop)));
      expect(told).toBe(choices[0]?.message?.content);
      expect(choices[0]?.finish_reason).toBe("stop");
      expect(usage.completion_tokens).toBeLessThan(24);
    }
  });

  test("that is longer than the model can read is refused with both lengths", async () => {
    const { model } = await load();
    const messages = [{ role: "user", content: "word ".repeat(400) }] as const;
    await expect(model.run(request({ messages: [...messages] }), context())).rejects.toSatisfy(
      (error) =>
        isError(error, "request.rejected-by-model") &&
        error.facts.field === "messages" &&
        /^Input of \d+ tokens exceeds/.test(error.facts.reason ?? ""),
    );
  });

  test("ends within a token when it is called off", async () => {
    const { model, runs } = await load();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new RivuletError("request.cancelled", {}));
    const running = model.run(request({ max_tokens: 200 }), context({ signal: controller.signal, onProgress }));
    await expect(running).rejects.toSatisfy((error) => isError(error, "request.cancelled"));
    expect(runs.length).toBeLessThan(10);
  });
});
