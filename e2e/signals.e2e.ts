import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isListening } from "./harness/leftovers.ts";
import { isLong } from "./harness/long.ts";
import { ROOT } from "./harness/stage.ts";
import { Start } from "./harness/start.ts";

describe("Ctrl-C", () => {
  /** From before anything runs until the job is under way, in steps that meet every phase of the start. */
  const few = [0, 150, 400, 800, 1200, 1800, 2500, 3500, 5000];
  const moments = isLong ? Array.from({ length: 120 }, (_, index) => index * 50) : few;

  test.for(moments)("after %i ms leaves no process and no file", async (moment) => {
    using start = new Start("--once", `--output=${ROOT}/out/interrupted.png`);
    await sleep(moment);
    start.controlC();
    await start.exited();
    expect(await start.leftovers.remaining()).toEqual([]);
    expect(start.leftovers.files()).toEqual([]);
  });

  test.for(moments)("twice after %i ms, half a second apart, leaves no process and no file", async (moment) => {
    using start = new Start("--once", `--output=${ROOT}/out/interrupted.png`);
    await sleep(moment);
    start.controlC();
    await sleep(500);
    if (start.child.exitCode === null) start.controlC();
    await start.exited();
    expect(await start.leftovers.remaining()).toEqual([]);
    expect(start.leftovers.files()).toEqual([]);
  });

  test("while the network runs closes its ports", async () => {
    using start = new Start("--only=text-to-image", `--output=${ROOT}/out/running.png`);
    await start.says("until you press Ctrl-C");
    const addresses = [...new Set(start.stderr.match(/https?:\/\/127\.0\.0\.1:\d+/g) ?? [])];
    expect(addresses.length).toBeGreaterThanOrEqual(3);
    for (const address of addresses) expect(await isListening(address)).toBe(true);
    start.controlC();
    await start.exited();
    for (const address of addresses) expect(await isListening(address)).toBe(false);
    expect(await start.leftovers.remaining()).toEqual([]);
    expect(start.leftovers.files()).toEqual([]);
  });
});

test("a network whose starter was killed outright ends by itself", async () => {
  using start = new Start("--only=text-to-image", `--output=${ROOT}/out/killed.png`);
  await start.says("until you press Ctrl-C");
  process.kill(-(start.child.pid ?? 0), "SIGKILL");
  expect(await start.leftovers.remaining(30_000)).toEqual([]);
});
