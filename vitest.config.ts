import { defineConfig } from "vitest/config";

/** Tests that need only memory and one process. What starts processes lives in `e2e/` and has its own configuration. */
export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "apps/*/src/**/*.test.ts",
      "models/**/*.test.ts",
      "scripts/**/*.test.ts",
    ],
    pool: "forks",
    testTimeout: 30_000,
    // ONNX Runtime would report its use to its makers, over the network.
    env: { ORT_DISABLE_TELEMETRY: "1" },
  },
});
