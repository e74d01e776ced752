import { defineConfig } from "vitest/config";

/** The whole product as real processes, one file after the other: each wants the machine to itself. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.e2e.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: process.env["RIVULET_E2E_LONG"] === "1" ? 1_800_000 : 180_000,
    hookTimeout: 180_000,
  },
});
