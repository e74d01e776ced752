import { answersRubbish, answersWell, Gate, hangs } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { ask, at, codeIn } from "./harness/ask.ts";
import { modelsOf, offers, suspensions } from "./harness/network.ts";
import { request, ScriptedRunner } from "./harness/scripted-runner.ts";
import { eventually, SECRET, Stage } from "./harness/stage.ts";

/** Patience of seconds instead of the pipeline's minutes. */
const SHORT_DEADLINE = '-deadlines={"text-to-image":"6s"}';

describe("an orchestrator", () => {
  test("killed in the middle of a job: the job succeeds elsewhere, once", async () => {
    await using stage = new Stage();
    await using first = await ScriptedRunner.start(hangs);
    await using second = await ScriptedRunner.start(hangs);
    const [a, b] = [await stage.orchestrator([first.offer()]), await stage.orchestrator([second.offer()])];
    const gateway = await stage.gateway([a, b]);
    await offers(gateway, 2);

    const answer = ask(gateway, "/text-to-image", request);
    await Promise.race([first.arrived(1), second.arrived(1)]);
    const [victim, survivor] = first.jobs.length === 1 ? [a, second] : [b, first];
    survivor.behave(answersWell);
    victim.kill();

    expect(await answer).toMatchObject({ status: 200 });
    expect(first.jobs.length + second.jobs.length).toBe(2);
    expect((await answer).headers.get("x-orchestrator")).not.toBe(victim.address);
    // It is suspended: the next jobs do not go there, and nobody waits for it.
    expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);
    expect(survivor.jobs).toHaveLength(2);
  });

  test("that accepts and hangs is left when the caller's deadline is near, and the job done elsewhere", async () => {
    await using stage = new Stage();
    await using hanging = await ScriptedRunner.start(hangs);
    await using good = await ScriptedRunner.start(hangs);
    const [a, b] = [await stage.orchestrator([hanging.offer()]), await stage.orchestrator([good.offer()])];
    const gateway = await stage.gateway([a, b], [SHORT_DEADLINE]);
    await offers(gateway, 2);
    const answer = ask(gateway, "/text-to-image", request);
    await Promise.race([hanging.arrived(1), good.arrived(1)]);
    const other = hanging.jobs.length === 1 ? good : hanging;
    other.behave(answersWell);
    expect(await answer).toMatchObject({ status: 200 });
  });

  test("that is not there at all is told as such, with a time to try again", async () => {
    await using stage = new Stage();
    const gateway = await stage.gateway(["http://127.0.0.1:1"]);
    const answer = await ask(gateway, "/text-to-image", request);
    expect(answer.status).toBe(503);
    expect(codeIn(answer)).toBe("network.no-orchestrators");
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.tookMs).toBeLessThan(1000);
  });

  test("whose token expired, because it was restarted, is asked again and not punished", async () => {
    await using stage = new Stage();
    await using runner = await ScriptedRunner.start();
    const first = await stage.orchestrator([runner.offer()]);
    const gateway = await stage.gateway([first], ["-discoveryInterval=1h"]);
    await offers(gateway, 1);
    expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);

    await first.stop();
    const port = new URL(first.address).port;
    await stage.node("orchestrator", [`-serviceAddr=127.0.0.1:${port}`, `-httpAddr=127.0.0.1:${port}`, runner.offer()]);
    expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);
    expect(await suspensions(gateway)).toEqual([]);
  });
});

describe("a runner", () => {
  test.for([
    ["text that is no JSON", "no JSON at all"],
    ["a picture that cannot be decoded", { images: [{ url: "data:image/png;base64,AAAA", seed: 1, nsfw: false }] }],
    ["no pictures", { images: [] }],
    ["an answer of another pipeline", { text: "a circle" }],
  ] as const)("that answers %s is not believed: the job is done elsewhere", async ([, rubbish]) => {
    await using stage = new Stage();
    await using runner = await ScriptedRunner.start(() => ({
      body: typeof rubbish === "string" ? rubbish : JSON.stringify(rubbish),
    }));
    await using good = await ScriptedRunner.start();
    const gateway = await stage.gateway([
      await stage.orchestrator([runner.offer()]),
      await stage.orchestrator([good.offer()]),
    ]);
    await offers(gateway, 2);
    for (let i = 0; i < 3; i++) expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);
    expect(runner.jobs.length).toBeLessThanOrEqual(1);
  });

  test("that answers rubbish and is the only one: a clear error, never rubbish", async () => {
    await using stage = new Stage();
    await using runner = await ScriptedRunner.start(answersRubbish);
    const gateway = await stage.gateway([await stage.orchestrator([runner.offer()])]);
    await offers(gateway, 1);
    const answer = await ask(gateway, "/text-to-image", request);
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(typeof at(answer.body, "error", "code")).toBe("string");
    expect(typeof at(answer.body, "detail", "msg")).toBe("string");
  });
});

describe("a worker", () => {
  test("killed in the middle of a job: another one does it, once", async () => {
    await using stage = new Stage();
    await using first = await ScriptedRunner.start(hangs);
    await using second = await ScriptedRunner.start(hangs);
    const orchestrator = await stage.orchestrator([`-orchSecret=${SECRET}`]);
    const workers = [
      await stage.worker(orchestrator, [first.offer()]),
      await stage.worker(orchestrator, [second.offer()]),
    ];
    const gateway = await stage.gateway([orchestrator]);
    await offers(gateway, 1);
    const answer = ask(gateway, "/text-to-image", request);
    await Promise.race([first.arrived(1), second.arrived(1)]);
    const index = first.jobs.length === 1 ? 0 : 1;
    (index === 0 ? second : first).behave(answersWell);
    workers[index]?.kill();
    expect(await answer).toMatchObject({ status: 200 });
    expect(first.jobs.length + second.jobs.length).toBe(2);
  });

  test("that never answers costs its job a share of the deadline; the job is done elsewhere, and its slot comes back", async () => {
    await using stage = new Stage();
    const gate = new Gate();
    await using silent = await ScriptedRunner.start(gate.before(answersWell));
    await using good = await ScriptedRunner.start(gate.before(answersWell));
    const behind = await stage.orchestrator([`-orchSecret=${SECRET}`]);
    const other = await stage.orchestrator([good.offer()]);
    await stage.worker(behind, [silent.offer()]);
    const gateway = await stage.gateway([behind, other], [SHORT_DEADLINE]);
    await offers(gateway, 2);
    const answer = ask(gateway, "/text-to-image", request);
    await Promise.race([silent.arrived(1), good.arrived(1)]);
    (silent.jobs.length === 1 ? good : silent).behave(answersWell);
    expect(await answer).toMatchObject({ status: 200 });
    // The worker answers after all: nobody waits for it any more, but its slot is free again.
    gate.open();
    const allFree = async () => (await modelsOf(gateway)).every(({ free }) => free === 1) || undefined;
    await eventually("both slots are free", allFree);
  });

  test("with a wrong secret is refused and ends, saying so", async () => {
    await using stage = new Stage();
    await using runner = await ScriptedRunner.start();
    const orchestrator = await stage.orchestrator([`-orchSecret=${SECRET}`]);
    const stranger = await stage.worker(orchestrator, ["-orchSecret=wrong", runner.offer()]);
    await stranger.exited;
    expect(stranger.tail.join("\n")).toContain("secret");
  });
});

describe("a gateway", () => {
  test("with a hundred requests at once on one slot: some succeed, the others get a clear 503, no slot is lost", async () => {
    await using stage = new Stage();
    await using runner = await ScriptedRunner.start(async (job) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return answersWell(job);
    });
    const gateway = await stage.gateway([await stage.orchestrator([runner.offer()])]);
    await offers(gateway, 1);
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(gateway, "/text-to-image", request)));
    const statuses = answers.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    for (const refused of answers.filter(({ status }) => status === 503)) {
      expect(codeIn(refused)).toBe("network.all-busy");
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    for (const { free } of await modelsOf(gateway)) expect(free).toBe(1);
    expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);
  });

  test("whose client goes away stops the work, and the slot is free again", async () => {
    await using stage = new Stage();
    const gate = new Gate();
    await using runner = await ScriptedRunner.start(gate.before(answersWell));
    const gateway = await stage.gateway([await stage.orchestrator([runner.offer()])]);
    await offers(gateway, 1);
    const client = new AbortController();
    const answer = ask(gateway, "/text-to-image", request, { signal: client.signal });
    await runner.arrived(1);
    client.abort();
    await expect(answer).rejects.toThrow();
    await eventually("the runner sees the caller go", async () => runner.jobs[0]?.left.aborted || undefined);
    gate.open();
    expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);
    expect(await suspensions(gateway)).toEqual([]);
  });
});
