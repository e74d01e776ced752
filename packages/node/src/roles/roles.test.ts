import { isError, modelId, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { ComposedNode } from "../compose.ts";
import { parseAiModels } from "../config/ai-models.ts";
import { loadConfiguration } from "../config/load.ts";
import type { Role } from "../config/schema.ts";
import { runnerSettingsOf, warnOfUnusedFlags } from "./models.ts";
import { whereabouts } from "./orchestrator.ts";

/** The problems of a node with nothing but these settings, by path. */
function problemsOf(role: Role, settings: Readonly<Record<string, unknown>>): readonly string[] {
  const configuration = loadConfiguration(
    {
      roles: [role],
      flagProblems: [],
      flags: Object.entries(settings).map(([key, value]) => ({ flag: key, path: [role, key], value })),
    },
    { env: {}, resolvePath: (path) => path, readText: () => "[]" },
  );
  try {
    new ComposedNode(configuration, {
      clock: new TestClock(),
      randomness: seededRandomness(1),
      log: silentLogger,
      version: "0",
    });
  } catch (error) {
    if (isError(error, "config.invalid"))
      return error.facts.problems.map((problem) => ("path" in problem ? problem.path : ""));
    throw error;
  }
  return [];
}

describe("a role", () => {
  test("that lacks what it cannot do without says all of it, by flag", () => {
    expect(problemsOf("orchestrator", {})).toEqual(["-serviceAddr", "-orchSecret"]);
    expect(problemsOf("orchestrator", { serviceUri: "o:1", isWorker: true })).toEqual(["-orchSecret", "-aiModels"]);
    expect(problemsOf("worker", {})).toEqual(["-orchAddr", "-orchSecret", "-aiModels"]);
    expect(problemsOf("gateway", { httpAddr: ":9935" })).toEqual(["-httpAddr"]);
    expect(problemsOf("gateway", { defaults: { "text-to-imgae": {} } })).toEqual(["gateway.defaults.text-to-imgae"]);
    expect(problemsOf("runner", {})).toEqual(["models"]);
    expect(problemsOf("gateway", { minPerformance: 0.5 })).toEqual(["-orchPerfStatsUrl"]);
    expect(problemsOf("gateway", { minPerformance: 2, performanceUrl: "http://scores.example" })).toEqual([
      "-minPerfScore",
      "-region",
    ]);
    expect(
      problemsOf("gateway", { minPerformance: 0.5, performanceUrl: "http://scores.example", region: "FRA" }),
    ).toEqual([]);
  });
});

describe("an orchestrator's addresses", () => {
  test("follow from what gateways are told", () => {
    expect(whereabouts("o.example:9000", undefined)).toEqual({
      listen: { host: "0.0.0.0", port: 9000 },
      isClearText: false,
      serviceUri: "https://o.example:9000",
    });
    expect(whereabouts("http://10.0.0.1:80", { host: "10.0.0.1", port: 8080 })).toEqual({
      listen: { host: "10.0.0.1", port: 8080 },
      isClearText: true,
      serviceUri: "http://10.0.0.1",
    });
  });

  test("are only known once the port is open when any free port will do", () => {
    expect(whereabouts("127.0.0.1:0", { host: "127.0.0.1", port: 0 })).toEqual({
      listen: { host: "127.0.0.1", port: 0 },
      isClearText: false,
    });
  });
});

test("a runner is told where models are: their own directory, the starter's package, or below the models directory", () => {
  const models = parseAiModels(
    '[{"pipeline":"llm","model_id":"a","repo":"/a"},{"pipeline":"llm","model_id":"s","warm":true},{"pipeline":"llm","model_id":"x","url":"http://r:1"}]',
  );
  const starters = [{ id: modelId("s"), pipeline: "llm", directory: "/starter", defaults: {} }] as const;
  const settings = runnerSettingsOf({ threads: 3 }, models, starters, "/data");
  expect(settings).toMatchObject({ threads: 3, modelDirectories: ["/data/models"] });
  expect(settings.models).toEqual([
    { pipeline: "llm", model: "a", slots: 1, warm: false, directory: "/a" },
    { pipeline: "llm", model: "s", slots: 1, warm: true, directory: "/starter" },
  ]);
});

test("a runner is told what models run on: a GPU, or what the runtime calls it", () => {
  const engineOf = (settings: object) => runnerSettingsOf({ threads: 1, ...settings }, [], [], "/data").engine;
  expect(engineOf({ gpu: 1, executionProviders: [], safety: "required" })).toEqual({
    providers: ["cuda:1"],
    safety: "required",
  });
  expect(engineOf({ executionProviders: ["webgpu", "cpu"], seedMode: "cpu" })).toEqual({
    providers: ["webgpu", "cpu"],
    seedMode: "cpu",
  });
});

test("flags of other runners are named, without their values, where they would be missed", () => {
  const entries = ["", ',"url":"http://r:1"'].map(
    (url, i) => `{"pipeline":"llm","model_id":"m${i}","optimization_flags":{"SFAST":true,"X":"secret"}${url}}`,
  );
  const warnings: unknown[] = [];
  const log = { ...silentLogger, warn: (_event: string, fields?: object) => void warnings.push(fields) };
  warnOfUnusedFlags(parseAiModels(`[${entries.join(",")}]`), log);
  expect(warnings).toEqual([{ pipeline: "llm", model: "m0", flags: "SFAST, X" }]);
});
