import { address } from "@rivulet/crypto";
import { ms, Rational } from "@rivulet/primitives";
import type { OrchestratorCache, OrchestratorUpdate } from "@rivulet/store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** A cache under test, empty when it is opened. */
export interface OrchestratorCacheUnderTest {
  readonly cache: OrchestratorCache;
  /** The same data opened anew, as after a restart; left out by caches that do not outlive the process. */
  readonly reopen?: () => Promise<OrchestratorCache>;
  readonly stop: () => Promise<void>;
}

const ONE = address(`0x${"11".repeat(20)}`);
const TWO = address(`0x${"22".repeat(20)}`);

/** All there is to know of an orchestrator, each number as large as contracts allow. */
const everything: OrchestratorUpdate = {
  address: ONE,
  serviceUri: "https://one.example:8935",
  aiServiceUri: "https://one.example:8936",
  activationRound: 3_500n,
  deactivationRound: 2n ** 256n - 1n,
  stake: 2n ** 255n,
  stakeRound: 3_501n,
  price: Rational.of(2n ** 64n + 1n, 3n),
  pricedAt: ms(90),
  updatedAt: ms(100),
};

/** What a cache of orchestrators promises, called by each implementation. */
export function orchestratorCacheContract(name: string, open: () => Promise<OrchestratorCacheUnderTest>): void {
  describe(`the orchestrator cache contract: ${name}`, () => {
    let world: OrchestratorCacheUnderTest;
    let cache: OrchestratorCache;
    beforeEach(async () => {
      world = await open();
      cache = world.cache;
    });
    afterEach(async () => {
      await world.stop();
    });
    const afterRestart = async () => {
      if (world.reopen !== undefined) cache = await world.reopen();
      return cache;
    };

    test("knows nobody at first", async () => {
      expect(await cache.all()).toEqual([]);
      expect(await cache.find(ONE)).toBeUndefined();
    });

    test("keeps all that was learned, exactly", async () => {
      await cache.learn([everything, { address: TWO, updatedAt: ms(5) }]);
      expect(await (await afterRestart()).find(ONE)).toEqual(everything);
      expect(await cache.find(TWO)).toEqual({ address: TWO, updatedAt: 5 });
      expect(await cache.all()).toHaveLength(2);
    });

    test("adds what is learned later, and leaves the rest as it was", async () => {
      await cache.learn([everything]);
      await cache.learn([
        { address: ONE, stake: 7n, updatedAt: ms(200) },
        { address: ONE, price: Rational.of(0n), updatedAt: ms(300) },
      ]);
      expect(await (await afterRestart()).find(ONE)).toEqual({
        ...everything,
        stake: 7n,
        price: Rational.of(0n),
        updatedAt: 300,
      });
    });

    test("an address that was taken from the registry is gone here, too", async () => {
      await cache.learn([everything]);
      await cache.learn([{ address: ONE, aiServiceUri: "", updatedAt: ms(200) }]);
      expect(await (await afterRestart()).find(ONE)).toMatchObject({
        serviceUri: "https://one.example:8935",
        aiServiceUri: "",
      });
    });

    test("forgets those that were not seen any more", async () => {
      await cache.learn([everything, { address: TWO, updatedAt: ms(500) }]);
      expect(await cache.prune(ms(100))).toBe(0);
      expect(await cache.prune(ms(500))).toBe(1);
      expect((await (await afterRestart()).all()).map(({ address }) => address)).toEqual([TWO]);
    });
  });
}
