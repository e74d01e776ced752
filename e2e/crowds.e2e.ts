import { batchPipelines } from "@rivulet/pipelines";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeIn } from "./harness/ask.ts";
import { suspensions } from "./harness/network.ts";
import { TinyNetwork } from "./harness/tiny-network.ts";

const CALLERS = 100;
/** Moments of one job at which its caller leaves: before it is read, at the model, and while the answer is written. */
const MOMENTS = 10;

describe.each(["own runner", "worker"] as const)("jobs that are done by the orchestrator's %s", (place) => {
  let network: TinyNetwork;
  beforeAll(async () => {
    network = await TinyNetwork.start(place);
  });
  afterAll(async () => {
    const blamed = await suspensions(network.gateway);
    await network[Symbol.asyncDispose]();
    expect(blamed).toEqual([]);
  });

  describe.each(batchPipelines.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
    test("a hundred callers at once are answered, or told at once to come again", async () => {
      expect((await network.ask(pipeline)).status).toBe(200);
      const answers = await Promise.all(Array.from({ length: CALLERS }, () => network.ask(pipeline)));
      const away = answers.filter(({ status }) => status !== 200);
      expect(away.length).toBeLessThan(CALLERS);
      for (const refused of away) {
        expect([refused.status, codeIn(refused)]).toEqual([503, "network.all-busy"]);
        expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
      }
      await network.allFree();
    });

    test("callers that leave, at whatever moment, hold up nobody who comes after them", async () => {
      const { status, tookMs } = await network.ask(pipeline);
      expect(status).toBe(200);
      for (let moment = 0; moment < MOMENTS; moment++) {
        const signal = AbortSignal.timeout(Math.round((tookMs * moment) / MOMENTS));
        await network.ask(pipeline, { signal }).catch((error) => expect(error.name).toBe("TimeoutError"));
      }
      await network.allFree();
      expect((await network.ask(pipeline)).status).toBe(200);
    });
  });
});
