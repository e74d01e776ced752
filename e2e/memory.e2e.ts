import { answersWell, refuses } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { ask } from "./harness/ask.ts";
import { heapOf } from "./harness/heap.ts";
import { isLong } from "./harness/long.ts";
import { offers } from "./harness/network.ts";
import { request, ScriptedRunner } from "./harness/scripted-runner.ts";
import { eventually, Stage } from "./harness/stage.ts";

/** Enough for what leaks a little a request to show, and for caches and pools to reach their size in the first round. */
const REQUESTS = isLong ? 20_000 : 400;

/** A grown heap is one more than a twentieth above what it was: in a long run, sixty bytes kept of each request. */
const GROWTH = 1.05;

test("after three rounds of all kinds of requests the heap of each node is what it was after the first", async () => {
  await using stage = new Stage();
  await using runner = await ScriptedRunner.start();
  let jobs = 0;
  // Every tenth job is refused by the runner, for a reason that is the job's: a runner's own failure would have its
  // orchestrator suspended, and what follows would be refused at the gateway.
  const refusing = refuses(400, "no");
  runner.behave((job) => (++jobs % 10 === 0 ? refusing : answersWell)(job));
  // Results are kept for a while on purpose, at both: a small store is full after the first round.
  const small = "-resultMemory=64 KiB";
  const orchestrator = await stage.orchestrator([runner.offer({ capacity: 8 }), small]);
  const gateway = await stage.gateway([orchestrator], [small]);
  await offers(gateway, 1);

  let done = 0;
  const heaps: (readonly number[])[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < REQUESTS; i += 8) await Promise.all(Array.from({ length: 8 }, (_, n) => oneRequest(i + n)));
    await eventually("nothing is under way", async () => (runner.jobs.length > 0 ? true : undefined));
    runner.jobs.length = 0;
    heaps.push(await Promise.all([heapOf(gateway), heapOf(orchestrator)]));
  }
  const [first, , third] = heaps;
  const growth = [0, 1].map((node) => (third?.[node] ?? Number.NaN) / (first?.[node] ?? Number.NaN));
  console.error(
    "heap in MiB after each round, gateway and orchestrator:",
    heaps.map((pair) => pair.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(" ")).join(" · "),
  );
  expect(done, "jobs done").toBeGreaterThan(1.5 * REQUESTS);
  for (const each of growth) expect(each).toBeLessThan(GROWTH);

  /** Right and wrong ones, and ones whose caller goes away. */
  async function oneRequest(index: number): Promise<void> {
    if (index % 7 === 0) await ask(gateway, "/text-to-image", { prompt: 1 });
    else if (index % 11 === 0)
      await ask(gateway, "/text-to-image", request, { signal: AbortSignal.timeout(5) }).catch(() => {});
    else if ((await ask(gateway, "/text-to-image", { ...request, prompt: `circle ${index}` })).status === 200)
      done += 1;
  }
});
