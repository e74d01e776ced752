import { isError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { ComposedNode } from "../compose.ts";
import { loadConfiguration } from "../config/load.ts";
import type { Role } from "../config/schema.ts";

/** What is wrong with a redeemer of these settings, by path. */
function problemsOf(settings: Readonly<Record<string, unknown>>, roles: readonly Role[] = ["redeemer"]) {
  const configuration = loadConfiguration(
    {
      roles,
      flagProblems: [],
      flags: [
        { flag: "network", path: ["network"], value: "local" },
        ...Object.entries(settings).map(([key, value]) => ({ flag: key, path: ["redeemer", key], value })),
      ],
    },
    { env: { SECRET: "s" }, resolvePath: (path) => path, readText: () => "[]" },
  );
  const ports = { clock: new TestClock(), randomness: seededRandomness(1), log: silentLogger, version: "0" };
  try {
    new ComposedNode(configuration, ports);
  } catch (error) {
    if (isError(error, "config.invalid"))
      return error.facts.problems.map((problem) => ("path" in problem ? problem.path : ""));
    throw error;
  }
  return [];
}

test("a redeemer serves those who know its secret, or anyone on this machine when that is said", () => {
  expect(problemsOf({})).toEqual(["-redeemerSecret"]);
  expect(problemsOf({ secret: "env:SECRET" })).toEqual([]);
  expect(problemsOf({ allowNoAuth: true })).toEqual([]);
  expect(problemsOf({ allowNoAuth: true, httpAddr: "10.0.0.1:8935" })).toEqual(["-allowNoAuth"]);
});

test("a redeemer does not share a process, and so its books, with an orchestrator", () => {
  expect(problemsOf({ secret: "env:SECRET" }, ["redeemer", "orchestrator"])).toEqual(["roles"]);
});
