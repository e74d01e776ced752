/** Facts beside an event. Never keys, tokens, prompts or media. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** A constant event name and its facts. The real one is in `@rivulet/node`. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger whose every line carries `fields` too. */
  child(fields: LogFields): Logger;
}

/** Says nothing. The default wherever a logger is optional. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child() {
    return silentLogger;
  },
};
