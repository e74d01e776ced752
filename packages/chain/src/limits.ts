/** Bytes of an endpoint's answer: ten thousand logs, the most that endpoints give at once, take about 6 MiB. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Calls in one request to an endpoint. Public endpoints refuse much larger ones. */
export const MAX_BATCH = 50;
/** Blocks that are filled in after a pause: seven hours of Arbitrum. After a longer one everything is read again. */
export const MAX_GAP = 100_000n;
/** Polls that a reorganisation may undo: twenty minutes of them. After a deeper one everything is read again. */
export const MAX_CHECKPOINTS = 256;
/** Logs kept for undoing. */
export const MAX_REMEMBERED_LOGS = 50_000;
/** Senders whose funds are remembered; the one asked for longest ago is forgotten first. */
export const MAX_SENDERS = 10_000;
/**
 * Senders that are asked about for the first time whose funds are read between two polls. Anybody can make up senders, and
 * endpoints are paid by the call; a hundred new gateways in some seconds is more than come.
 */
export const MAX_NEW_SENDERS = 100;
/** Recipients whose terms are remembered: an orchestrator asks for itself, a redeemer for a few. */
export const MAX_RECIPIENTS = 1_000;
/** Orchestrators in the pool, which has a hundred places: a list that has not ended after ten times as many is no list. */
export const MAX_POOL = 1_000;
/** Characters of a service address, which anybody may write on the chain for every node to read. */
export const MAX_URI_LENGTH = 2_048;
/** Transactions of one account under way: endpoints keep so many and may drop what is beyond. Others wait their turn. */
export const MAX_IN_FLIGHT = 16;
/** Bytes of a keystore file, which has about 500. */
export const MAX_KEYSTORE_BYTES = 64 * 1024;
/** Memory that opening a keystore file may take. Wallets ask for a quarter of it. */
export const MAX_SCRYPT_BYTES = 1024 * 1024 * 1024;
/** Rounds of hashing that opening a keystore file may take. Wallets ask for a quarter of a million. */
export const MAX_PBKDF2_ROUNDS = 10_000_000;
