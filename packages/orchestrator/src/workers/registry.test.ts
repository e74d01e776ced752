import { textToImage } from "@rivulet/pipelines";
import { modelId, seconds, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { WorkerRegistry } from "./registry.ts";

const ID = "0".repeat(32);
const model = modelId("m");
const offer = { pipeline: textToImage, model, isWarm: true, slots: 2, free: 2, runnerVersion: "" };
const registration = { offers: [offer], hardware: [] };

function open() {
  const clock = new TestClock();
  const ports = { clock, randomness: seededRandomness(1), log: silentLogger };
  return { clock, registry: new WorkerRegistry({ grace: seconds(5) }, ports) };
}

test("each absence of a worker has its own grace", async () => {
  const { clock, registry } = open();
  const first = registry.connect(ID, registration);
  using _lease = registry.tryReserve(textToImage, model)?.lease;
  void registry.disconnect(first.worker, first.connection);
  await clock.advance(seconds(4));
  const second = registry.connect(ID, registration);
  expect(second.worker).toBe(first.worker);
  void registry.disconnect(second.worker, second.connection);
  await clock.advance(seconds(4));
  expect(first.worker.departed.signal.aborted).toBe(false);
  await clock.advance(seconds(1));
  expect(first.worker.departed.signal.aborted).toBe(true);
  expect(registry.size).toBe(0);
});

test("a worker that was sent away gets nothing more, even while its stream is still open", () => {
  const { registry } = open();
  const { worker } = registry.connect(ID, registration);
  worker.sendAway();
  expect(registry.tryReserve(textToImage, model)).toBeUndefined();
});
