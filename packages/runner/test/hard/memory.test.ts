import { silentLogger } from "@rivulet/primitives";
import { canLimitMemory, limitMemory } from "@rivulet/testkit";
import { beforeEach, describe, expect, test } from "vitest";
import type { HostLauncher } from "../../src/host/messages.ts";
import { ALL_IMPLEMENTATIONS, processLauncher } from "../../src/host/process-host.ts";
import { hostProcesses } from "../host-processes.ts";
import { type Answer, ask, cheapJob, expectStanding, openStand, PATIENCE, type Stand, subjects } from "./stand.ts";

const MIB = 2 ** 20;
const [pictures] = subjects.filter(({ name }) => name === "text-to-image");
const [texts] = subjects.filter(({ name }) => name === "llm");
if (pictures === undefined || texts === undefined) throw new Error("the pipelines have other names");

/** The attention over so many places takes hundreds of MiB at once. */
const LARGE = { width: 1024, height: 1024, num_inference_steps: 1 };

/** The model processes of a test, in the order in which they were started. */
let started: { readonly pid: number; readonly exited: Promise<unknown> }[] = [];
beforeEach(() => {
  started = [];
});

const hosts = processLauncher({ implementations: ALL_IMPLEMENTATIONS, log: silentLogger });
const launcher: HostLauncher = {
  launch() {
    const before = new Set(hostProcesses());
    const connection = hosts.launch();
    for (const pid of hostProcesses()) if (!before.has(pid)) started.push({ pid, exited: connection.exited });
    return connection;
  },
};

/** One of the processes started, which must be there. */
function processAt(index: number): number {
  return started[index]?.pid ?? expect.fail(`there is no model process ${index}`);
}

function heldBytes({ runner }: Stand): readonly number[] {
  return runner.models.map((model) => model.heldBytes);
}

function expectOutOfMemory(answer: Answer): void {
  expect([answer.status, answer.code]).toEqual([500, "runner.out-of-memory"]);
  expect(answer.text).toMatch(/a smaller request may fit/);
}

describe.skipIf(!canLimitMemory)("a model process that gets no more memory from the system", () => {
  test("says so, keeps what it has and does the next job that fits", async () => {
    await using stand = await openStand({ pipelines: [pictures], launcher });
    await expectStanding(stand, [pictures]);
    const [before = 0] = heldBytes(stand);
    limitMemory(processAt(0), "data", 64 * MIB);
    expectOutOfMemory(await ask(stand, pictures, { fields: LARGE }));
    await expectStanding(stand, [pictures]);
    expect(started).toHaveLength(1);
    // It was not enough: from now on it is known to need more.
    expect(heldBytes(stand)[0]).toBeGreaterThan(before);
  });

  test("gets that of models that nobody uses, and does the job after all", async () => {
    await using stand = await openStand({ pipelines: [pictures, texts], launcher });
    await expectStanding(stand, [pictures, texts]);
    const needy = processAt(0);
    limitMemory(needy, "data", 2 * MIB);
    void started[1]?.exited.then(() => limitMemory(needy, "data", 1024 * MIB));
    const fields = { width: 384, height: 384, num_inference_steps: 1 };
    expect((await ask(stand, pictures, { fields })).status).toBe(200);
    expect(hostProcesses()).toEqual([needy]);
    expect(heldBytes(stand)).toEqual([expect.toSatisfy((bytes) => bytes > 0), 0]);
    await expectStanding(stand, [pictures, texts]);
  });

  test("and cannot go on without ends, says why, and another does the next job", async () => {
    await using stand = await openStand({ pipelines: [pictures], launcher });
    await expectStanding(stand, [pictures]);
    limitMemory(processAt(0), "as", 0);
    // Which part of it is the first to want more is up to the system: the runtime fails its job, the engine its process.
    while (hostProcesses().length === 1) {
      const answer = await ask(stand, pictures, { fields: { width: 256, height: 256 } });
      if (answer.status !== 200) expectOutOfMemory(answer);
    }
    expect(heldBytes(stand)).toEqual([0]);
    await expectStanding(stand, [pictures]);
    expect(started).toHaveLength(2);
    expect(heldBytes(stand)[0]).toBeGreaterThan(16 * MIB);
  });

  test("when it is started does not load, and loads when there is enough", async () => {
    await using stand = await openStand({ pipelines: [pictures], launcher });
    const loading = ask(stand, pictures);
    await expect.poll(() => started.length).toBe(1);
    limitMemory(processAt(0), "data", 16 * MIB);
    const answer = await loading;
    expect([answer.status, answer.code]).toEqual([500, "model.load-failed"]);
    expect(heldBytes(stand)).toEqual([0]);
    await expect.poll(async () => (await ask(stand, pictures)).status, { timeout: PATIENCE }).toBe(200);
  });
});

test("a model process that the system ends takes its job along and nothing else, and says why it may have been", async () => {
  await using stand = await openStand({ pipelines: [pictures, texts], launcher });
  await expectStanding(stand, [pictures, texts]);
  const held = heldBytes(stand);
  const { request, media } = await cheapJob(pictures);
  const job = stand.runner.prepare(pictures, request, media);
  const signal = new AbortController().signal;
  const [victim, other] = [processAt(0), processAt(1)];
  const onEvent = ({ kind }: { readonly kind: string }) => kind === "started" && process.kill(victim, "SIGKILL");
  await expect(stand.runner.run(job, { signal, onEvent })).rejects.toMatchObject({
    code: "runner.crashed",
    facts: { reason: expect.stringMatching(/memory is short: a smaller request may fit/) },
  });
  expect(heldBytes(stand)[0]).toBe(0);
  await expectStanding(stand, [pictures, texts]);
  expect(hostProcesses()).toContain(other);
  expect(hostProcesses()).toHaveLength(2);
  for (const [index, bytes] of heldBytes(stand).entries()) expect(bytes).toBeGreaterThanOrEqual(held[index] ?? 0);
});
