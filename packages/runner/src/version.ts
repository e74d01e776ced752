/** Our own version, in the `Server` header and in metrics. A test compares it with the package. */
export const RUNNER_VERSION = "0.1.0";

/**
 * The version peers compare with the minimum they ask of a runner: the published runner whose interface this is.
 * Source: runner-and-models 2.3.
 */
export const RUNNER_COMPATIBILITY_VERSION = "0.14.1";
