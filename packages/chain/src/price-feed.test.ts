import { minutes, seconds, silentLogger } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { FollowedPriceFeed, type FollowedPriceFeedPorts } from "./price-feed.ts";

const TOLD = 1_700_000_000;

test("a price from a feed that fell silent stays, and that it is old is told", async () => {
  let now = TOLD;
  const answers: Readonly<Record<string, () => unknown>> = {
    description: () => "ETH / USD",
    decimals: () => 8,
    latestRoundData: () => [1n, 3_000n * 10n ** 8n, 0n, BigInt(TOLD), 1n],
  };
  const ports = {
    feed: { read: (name: string) => answers[name] },
    // Beside the feed's own answers there is only one question, for the newest block.
    endpoints: {
      batch: async (calls: readonly unknown[]) =>
        calls.map((call) => (typeof call === "function" ? call() : { number: 1n, timestamp: seconds(now) })),
    },
    clock: new TestClock(),
    log: silentLogger,
  } as unknown as FollowedPriceFeedPorts;
  const feed = new FollowedPriceFeed({ maxAge: minutes(60) }, ports);
  await feed.poll();
  now += 3599;
  await feed.poll();
  now += 2;
  await expect(feed.poll()).rejects.toMatchObject({ code: "chain.price-unusable" });
  expect(`${feed.current?.price}`).toBe("3000");
});
