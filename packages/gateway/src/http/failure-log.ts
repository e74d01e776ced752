import { isError, type LogFields, type Logger } from "@rivulet/primitives";

/** Logs why a caller does not get what was asked for; of what nobody foresaw also where it came from. */
export function logFailure(
  log: Logger,
  events: { readonly foreseen: string; readonly unforeseen: string },
  error: unknown,
  fields: LogFields,
): void {
  if (isError(error)) log.info(events.foreseen, fields);
  else log.error(events.unforeseen, { ...fields, error: error instanceof Error ? error.stack : String(error) });
}
