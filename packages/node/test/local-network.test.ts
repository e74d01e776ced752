import { RivuletError } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { LocalNetwork, ProgressLines, secureRandomness, systemClock } from "../src/index.ts";

test("a local network whose nodes end at once says so, and nothing fails unheard", async () => {
  const ports = {
    progress: new ProgressLines({ isTTY: false, write: () => {} }, systemClock),
    randomness: secureRandomness,
  };
  const network = new LocalNetwork(
    {
      models: [],
      program: ["false"],
      env: process.env,
      logLevel: "info",
      money: { wins: false },
    },
    { ...ports, clock: systemClock },
  );
  const failure = await network.start().catch((error: unknown) => error);
  await network.stop();
  expect(failure).toBeInstanceOf(RivuletError);
  expect(failure).toMatchObject({
    code: "node.cannot-start",
    facts: { reason: expect.stringContaining("exit code 1") },
  });
});
