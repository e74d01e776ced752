/** Whether this is `npm run e2e -- --long`: soaks and fine sweeps, by hand and before a release. */
export const isLong = process.env["RIVULET_E2E_LONG"] === "1";
