export { TestClock, turn } from "./clock.ts";
export { seededRandomness } from "./seed.ts";
