export { RUNNER_COMPATIBILITY_VERSION } from "@rivulet/pipelines";

/** Our own version, in the `Server` header and in metrics. A test compares it with the package. */
export const RUNNER_VERSION = "0.1.0";
