import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { findStarterModels } from "@rivulet/node";
import { judge } from "@rivulet/starter-text-to-image/judge";
import { describe, expect, test } from "vitest";
import { at } from "./harness/ask.ts";
import { descendants } from "./harness/processes.ts";
import { Start } from "./harness/start.ts";

describe("npm start", () => {
  test("-- --once --json ends with 0, a picture the judge names, and one JSON object that tells of it", async () => {
    using start = new Start("--once", "--json");
    expect(await start.exited(180_000)).toEqual({ code: 0, signal: null });
    const lines = start.stdout.trim().split("\n");
    const told: unknown = JSON.parse(lines.at(-1) ?? "");
    expect(Object.keys(told ?? {}).sort()).toEqual([
      "folder",
      "gateway",
      "orchestrator",
      "page",
      "payment",
      "picture",
      "pipelines",
      "seed",
      "timings",
      "warm",
    ]);
    expect(Object.keys(Object(at(told, "payment"))).sort()).toEqual([
      "after",
      "before",
      "expectedValue",
      "fee",
      "price",
      "redeemed",
      "tickets",
      "units",
      "winners",
    ]);
    expect(at(told, "payment", "tickets")).toBe(1);
    expect(lines).toHaveLength(1);
    const picture = String(at(told, "picture"));
    expect(existsSync(picture)).toBe(true);
    expect(await judge(readFileSync(picture))).toMatchObject({
      kind: "single",
      shape: "circle",
      colour: "red",
      size: "large",
      background: "blue",
    });
    expect(at(told, "warm")).toBe(true);
    expect(Number(at(told, "timings", "inference"))).toBeGreaterThan(0);
    const jobs = Object.entries(Object(at(told, "pipelines")));
    expect(jobs.map(([name]) => name).toSorted()).toEqual(
      [...new Set(findStarterModels().map(({ pipeline }) => pipeline))].toSorted(),
    );
    const page = readFileSync(String(at(told, "page")), "utf8");
    for (const [name, job] of jobs) {
      expect([name, at(job, "ok"), typeof at(job, "payment", "fee")]).toEqual([name, true, "string"]);
      for (const file of Object.values(Object(at(job, "files")))) {
        expect(readFileSync(String(file)).byteLength).toBeGreaterThan(0);
        expect(page).toContain(`"${basename(String(file))}"`);
      }
    }
    expect(start.stderr).toContain(String(at(told, "seed")));
    expect(start.stderr).toContain(`curl ${at(told, "gateway")}/text-to-image`);
    expect(await start.leftovers.remaining()).toEqual([]);
    expect(start.leftovers.files()).toEqual([]);
  });

  test("tells which orchestrators were found and which was chosen, and why", async () => {
    using start = new Start("--once", "--only", "text-to-image");
    expect(await start.exited(180_000)).toEqual({ code: 0, signal: null });
    expect(start.stdout).toBe("");
    for (const text of [
      /found +orchestrators A \(warm, free\), B \(warm, free\)/,
      /chosen +orchestrator [AB]/,
      /took .*loading.*inference/,
      /seed +\d+/,
      /picture +\S+\.png/,
    ])
      expect(start.stderr).toMatch(text);
  });

  test("-- --win shows a ticket win: fees rise by exactly its face value, gas apart, and the deposit pays it", async () => {
    using start = new Start("--once", "--only", "text-to-image", "--win", "--json");
    expect(await start.exited(180_000)).toEqual({ code: 0, signal: null });
    const payment = at(JSON.parse(start.stdout.trim()), "payment");
    const wei = (...path: readonly (string | number)[]) => BigInt(String(at(payment, ...path)));
    const earned = (when: string) => wei(when, "fees", "A") + wei(when, "fees", "B");
    const face = wei("redeemed", 0, "faceValue");
    expect([at(payment, "winners"), wei("redeemed", 0, "paid")]).toEqual([1, face]);
    expect(earned("after") - earned("before")).toBe(face);
    expect(wei("before", "deposit") - wei("after", "deposit")).toBe(face);
    expect(BigInt(String(at(payment, "expectedValue")).replace(/\..*/, "")) + 1n).toBe(face);
    expect(wei("redeemed", 0, "gasCost")).toBeGreaterThan(0n);
    expect(wei("redeemed", 0, "gasCost")).toBeLessThan(face);
    expect(start.stderr).toMatch(/fees rose by [\d.,]+ (?:gwei|ETH)/);
    expect(await start.leftovers.remaining()).toEqual([]);
    expect(start.leftovers.files()).toEqual([]);
  });

  test("-- --network offchain pays nothing and tells of no payment", async () => {
    using start = new Start("--once", "--only", "text-to-image", "--network", "offchain", "--json");
    expect(await start.exited(180_000)).toEqual({ code: 0, signal: null });
    expect(at(JSON.parse(start.stdout.trim()), "payment")).toBeUndefined();
    expect(start.stderr).not.toContain("paid");
  });

  test.for(["gateway", "orchestrator", "worker"])(
    "whose %s is ended from outside says which it was, what it said last and what may help",
    async (role) => {
      using start = new Start("--only", "text-to-image");
      await start.says(/^gateway +http/m);
      const victim = descendants(start.child.pid).find(({ command }) => command.includes(`main.ts ${role} `));
      process.kill(victim?.pid ?? Number.NaN, "SIGKILL");
      expect(await start.exited()).toEqual({ code: 1, signal: null });
      expect(start.stderr).toMatch(
        new RegExp(`${role}( [AB])? \\(signal SIGKILL, .*memory is short\\)[^]* -logLevel=debug`),
      );
      expect(start.stderr).not.toMatch(/^\s+at |fetch failed/m);
      expect(await start.leftovers.remaining()).toEqual([]);
      expect(start.leftovers.files()).toEqual([]);
    },
  );

  test("-- --only takes the name of a pipeline, and helps with a wrong one", async () => {
    using wrong = new Start("--once", "--only", "text-to-imgae");
    expect(await wrong.exited()).toMatchObject({ code: 2 });
    expect(wrong.stderr).toContain("did you mean text-to-image?");
  });
});
