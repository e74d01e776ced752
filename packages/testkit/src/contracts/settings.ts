import type { Settings } from "@rivulet/store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** Settings under test, empty when they are opened. */
export interface SettingsUnderTest {
  readonly settings: Settings;
  /** The same data opened anew, as after a restart; left out by those that do not outlive the process. */
  readonly reopen?: () => Promise<Settings>;
  readonly stop: () => Promise<void>;
}

/** What settings promise, called by each implementation. */
export function settingsContract(name: string, open: () => Promise<SettingsUnderTest>): void {
  describe(`the settings contract: ${name}`, () => {
    let world: SettingsUnderTest;
    beforeEach(async () => {
      world = await open();
    });
    afterEach(async () => {
      await world.stop();
    });
    const afterRestart = async () => (await world.reopen?.()) ?? world.settings;

    test("what was never set is not there", async () => {
      expect(await world.settings.find("a")).toBeUndefined();
    });

    test("what was set is there until it is removed, also after a restart", async () => {
      await world.settings.set({ a: "1", b: "" });
      await world.settings.set({ a: "2" });
      const settings = await afterRestart();
      expect(await settings.find("a")).toBe("2");
      expect(await settings.find("b")).toBe("");
      await settings.remove("a");
      await settings.remove("a");
      expect(await settings.find("a")).toBeUndefined();
      expect(await settings.find("b")).toBe("");
    });

    test("names and values are any texts", async () => {
      const name = "o'clock \"; drop table -- ☃";
      await world.settings.set({ [name]: name.repeat(100) });
      expect(await (await afterRestart()).find(name)).toBe(name.repeat(100));
    });

    test("those of one owner are found by how their names begin, and removed together", async () => {
      await world.settings.set({ "a.1": "x", "a.2": "y", "a/": "z", b: "w", "a.☃": "v" });
      const settings = await afterRestart();
      const found = await settings.startingWith("a.");
      expect([...found].sort()).toEqual([
        ["a.1", "x"],
        ["a.2", "y"],
        ["a.☃", "v"],
      ]);
      await settings.remove(...found.keys());
      expect([...(await settings.startingWith("")).keys()].filter((key) => /^[ab]/.test(key)).sort()).toEqual([
        "a/",
        "b",
      ]);
    });

    test("the last of several writes at once stays", async () => {
      await Promise.all(Array.from({ length: 50 }, (_, index) => world.settings.set({ a: `${index}` })));
      expect(await (await afterRestart()).find("a")).toBe("49");
    });
  });
}
