/** `npm run e2e [-- --long] [vitest arguments]`: the whole product as real processes. */
const args = process.argv.slice(2);
if (args.includes("--long")) process.env["RIVULET_E2E_LONG"] = "1";
process.argv.splice(
  2,
  args.length,
  "run",
  "--config",
  "e2e/vitest.config.ts",
  ...args.filter((arg) => arg !== "--long"),
);
await import(new URL("../../node_modules/vitest/vitest.mjs", import.meta.url).href);
