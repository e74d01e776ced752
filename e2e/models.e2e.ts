import { join } from "node:path";
import type { NodeProcess } from "@rivulet/node";
import { canLimitMemory, limitMemory } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { ask, at, codeIn } from "./harness/ask.ts";
import { offers, warmAt } from "./harness/network.ts";
import { descendants } from "./harness/processes.ts";
import { eventually, ROOT, SECRET, Stage } from "./harness/stage.ts";

/** Small models with random weights, one of each family: real ones in everything but what they draw. */
function tiny(family: string, warm: boolean): Record<string, unknown> {
  return {
    pipeline: "text-to-image",
    model_id: `tiny/${family}`,
    warm,
    repo: join(ROOT, "models/references", family, "model"),
  };
}

const offering = (...models: readonly object[]) => `-aiModels=${JSON.stringify(models)}`;

const request = (family: string) => ({
  model_id: `tiny/${family}`,
  prompt: "a circle",
  width: 64,
  height: 64,
  num_inference_steps: 2,
  seed: 1,
});

/** The processes that hold the models of a node. */
function hostsOf({ pid }: NodeProcess): readonly number[] {
  return descendants(pid).flatMap(({ pid, command }) => (command.includes("host-main") ? [pid] : []));
}

function timing(headers: Headers, name: string): number {
  return Number(new RegExp(`\\b${name};dur=([\\d.]+)`).exec(headers.get("server-timing") ?? "")?.[1]);
}

describe("a network with real models", () => {
  test("chooses the orchestrator that has the model warm", async () => {
    await using stage = new Stage();
    const cold = await stage.orchestrator(["-aiWorker", offering(tiny("turbo", false))]);
    const warm = await stage.orchestrator(["-aiWorker", offering(tiny("turbo", true))]);
    const gateway = await stage.gateway([cold, warm]);
    await offers(gateway, 2, "tiny/turbo");
    await warmAt(gateway, warm, "tiny/turbo");
    for (let i = 0; i < 3; i++) {
      const answer = await ask(gateway, "/text-to-image", request("turbo"));
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-orchestrator")).toBe(warm.address);
      expect(timing(answer.headers, "load")).toBe(0);
    }
  });

  test.skipIf(!canLimitMemory)(
    "does a job elsewhere that one has no memory for, which goes on with others",
    async () => {
      await using stage = new Stage();
      const short = await stage.orchestrator(["-aiWorker", offering(tiny("turbo", true))]);
      const other = await stage.orchestrator(["-aiWorker", offering(tiny("turbo", false))]);
      const gateway = await stage.gateway([short, other]);
      await offers(gateway, 2, "tiny/turbo");
      await warmAt(gateway, short, "tiny/turbo");
      const failed: unknown[] = [];
      gateway.onEvent(
        ({ event, code, orchestrator }) => event === "attempt failed" && failed.push([orchestrator, code]),
      );

      for (const pid of hostsOf(short)) limitMemory(pid, "data", 4 * 2 ** 20);
      const large = { ...request("turbo"), width: 384, height: 384 };
      const answer = await ask(gateway, "/text-to-image", large);
      expect([answer.status, answer.headers.get("x-orchestrator")]).toEqual([200, other.address]);
      expect(failed).toEqual([[short.address, "runner.out-of-memory"]]);

      // Where nobody else can do it, the caller is told what would help; what fits is done.
      await other.stop();
      const alone = await eventually("a refusal", async () => {
        const refused = await ask(gateway, "/text-to-image", large);
        return codeIn(refused) === "runner.out-of-memory" ? refused : undefined;
      });
      expect(alone.status).toBeGreaterThanOrEqual(500);
      expect(at(alone.body, "error", "message")).toMatch(/a smaller request may fit/);
      await eventually("a job that fits", async () => {
        const { status } = await ask(gateway, "/text-to-image", request("turbo"));
        return status === 200 || undefined;
      });
    },
  );

  test("loads a model that is cold everywhere on demand, answers in the same request and tells the load time", async () => {
    await using stage = new Stage();
    const models = offering(tiny("turbo", true), tiny("sd1", false));
    const orchestrator = await stage.orchestrator(["-aiWorker", models]);
    const behind = await stage.orchestrator([`-orchSecret=${SECRET}`]);
    await stage.worker(behind, [models]);
    const gateway = await stage.gateway([orchestrator, behind]);
    await offers(gateway, 2, "tiny/sd1");
    const first = await ask(gateway, "/text-to-image", request("sd1"));
    expect(first.status).toBe(200);
    expect(timing(first.headers, "load")).toBeGreaterThan(0);
    expect(timing(first.headers, "inference")).toBeGreaterThan(0);
  });

  test("answers a model nobody offers with those that are, and never with a trace", async () => {
    await using stage = new Stage();
    const gateway = await stage.gateway([await stage.orchestrator(["-aiWorker", offering(tiny("turbo", true))])]);
    await offers(gateway, 1);
    const answer = await ask(gateway, "/text-to-image", { ...request("turbo"), model_id: "no/such-model" });
    expect(answer.status).toBe(404);
    expect(codeIn(answer)).toBe("model.not-offered");
    expect(at(answer.body, "error", "facts", "offered")).toEqual(["tiny/turbo"]);
  });

  test("gives the same picture for the same seed, from any orchestrator and through a worker", async () => {
    await using stage = new Stage();
    const models = offering(tiny("turbo", true));
    const direct = await stage.orchestrator(["-aiWorker", models]);
    const behind = await stage.orchestrator([`-orchSecret=${SECRET}`]);
    await stage.worker(behind, [models]);
    const pictures = [];
    for (const orchestrator of [direct, behind]) {
      const gateway = await stage.gateway([orchestrator]);
      await offers(gateway, 1);
      const answer = await ask(gateway, "/text-to-image", request("turbo"));
      const picture = await fetch(new URL(String(at(answer.body, "images", 0, "url")), gateway.address));
      pictures.push(Buffer.from(await picture.arrayBuffer()));
    }
    expect(pictures[0]?.equals(pictures[1] ?? Buffer.alloc(0))).toBe(true);
  });

  test.for([
    ["runner", /runner-main/],
    ["model", /host-main/],
  ] as const)("whose %s process is killed starts it again, and the model is warm again", async ([, pattern]) => {
    await using stage = new Stage();
    const orchestrator = await stage.orchestrator(["-aiWorker", offering(tiny("turbo", true))]);
    const gateway = await stage.gateway([orchestrator]);
    await warmAt(gateway, orchestrator, "tiny/turbo");
    const victim = descendants(orchestrator.pid).find(({ command }) => pattern.test(command));
    process.kill(victim?.pid ?? 0, "SIGKILL");
    await eventually(
      "another process in its place",
      async () =>
        descendants(orchestrator.pid).some(({ pid, command }) => pattern.test(command) && pid !== victim?.pid) ||
        undefined,
    );
    const answer = await eventually("an answer", async () => {
      const tried = await ask(gateway, "/text-to-image", request("turbo"));
      return tried.status === 200 ? tried : undefined;
    });
    expect(answer.status).toBe(200);
    await warmAt(gateway, orchestrator, "tiny/turbo");
    expect(timing((await ask(gateway, "/text-to-image", request("turbo"))).headers, "load")).toBe(0);
  });

  test("whose model process is killed in the middle of a job does the job elsewhere", async () => {
    await using stage = new Stage();
    const models = offering(tiny("sd1", true));
    const nodes = [await stage.orchestrator(["-aiWorker", models]), await stage.orchestrator(["-aiWorker", models])];
    const gateway = await stage.gateway(nodes);
    for (const node of nodes) await warmAt(gateway, node, "tiny/sd1");
    const answer = ask(gateway, "/text-to-image", {
      ...request("sd1"),
      width: 256,
      height: 256,
      num_inference_steps: 150,
    });
    const working = await eventually("a model process at work", async () => busiest(nodes.map(({ pid }) => pid)));
    process.kill(working, "SIGKILL");
    expect((await answer).status).toBe(200);
  });
});

/** The model process that has used most processor time, once one has clearly begun to work. */
function busiest(nodes: readonly (number | undefined)[]): number | undefined {
  const hosts = nodes.flatMap((pid) => descendants(pid)).filter(({ command }) => /host-main/.test(command));
  const [first, second] = hosts.toSorted((a, b) => b.seconds - a.seconds);
  return first !== undefined && second !== undefined && first.seconds > second.seconds + 0.2 ? first.pid : undefined;
}
