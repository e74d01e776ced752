/** Parts of one body: a pipeline has at most fourteen fields; a result has a file for each of at most 100 images. */
export const MAX_PARTS = 128;

/** Header lines of one part. The network's own are below 300 bytes. */
export const MAX_PART_HEADERS = 16 * 1024;

/** One line of an event stream. Peers of the older software cut the stream at a longer one. Source: wire-protocol 4.8. */
export const MAX_EVENT_LINE = 64 * 1024;

/** A content type with its parameters. */
export const MAX_CONTENT_TYPE = 1024;
