import { type Milliseconds, minutes, ms } from "@rivulet/primitives";

/** Calls that may wait for one commit, all kinds together: some megabytes, and more than a stuck disk should gather. */
export const MAX_WAITING_CALLS = 10_000;

/** Calls that share a commit: some milliseconds of the event loop, which does nothing else meanwhile. */
export const CALLS_PER_COMMIT = 64;

/** How long the database may lie in a lock of another connection: a checkpoint or a reader that starts. */
export const LOCK_WAIT: Milliseconds = ms(2_000);

/** What a power failure can take back of that which is not waited for: the nonces and credit of so long. */
export const CHECKPOINT_PERIOD: Milliseconds = ms(1_000);

/** How long winners are kept after they were redeemed or lost: a quarter's accounts, and a good while to ask why. */
export const SETTLED_WINNERS_KEPT: Milliseconds = minutes(100 * 24 * 60);

/** How often what is too old is taken away: a node may run for a year. */
export const PRUNE_PERIOD: Milliseconds = minutes(24 * 60);

/** How long an orchestrator is remembered that was not seen any more: its stake and price are worth nothing by then. */
export const ORCHESTRATORS_KEPT: Milliseconds = minutes(30 * 24 * 60);

/** Databases up to this size are read through when they are opened, which takes less than a second; larger ones after a crash. */
export const CHECKED_BYTES = 64_000_000;

/** Texts of statements that are kept compiled. The store has some forty; lists of different lengths make a few more. */
export const MAX_STATEMENTS = 200;
