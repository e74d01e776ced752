/**
 * How the JavaScript engine, ONNX Runtime, libvips and GLib say that memory ran out; none of them has a code for it.
 * Source: runner-and-models 1.2.4, which classes failures by this text.
 */
const SAYS_SO = /out of memory|bad_alloc|failed to allocate|allocation failed/i;

/** Whether a library, or a process with its last words, failed because there was no more memory: that is nobody's request. */
export function isOutOfMemory(failure: unknown): boolean {
  return SAYS_SO.test(failure instanceof Error ? failure.message : String(failure));
}
