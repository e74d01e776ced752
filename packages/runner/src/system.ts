import { randomBytes, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, type LogFields, type Logger, ms, type Randomness } from "@rivulet/primitives";

/** The machine's time. */
export const systemClock: Clock = {
  now: () => ms(Date.now()),
  monotonic: () => ms(performance.now()),
  async sleep(duration, signal) {
    try {
      await sleep(duration, undefined, { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
  alarm: (duration, ring) => setTimeout(ring, duration),
};

/** Cryptographically secure chance. */
export const systemRandomness: Randomness = {
  bytes: (length) => randomBytes(length),
  uniform: () => randomInt(2 ** 32) / 2 ** 32,
};

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

/** One line of JSON an event on standard error: `{"level":"info","event":"model ready",…}`. The owner reads it back. */
export function stderrLogger(least: LogLevel, fields: LogFields = {}): Logger {
  const at = (level: LogLevel) =>
    LEVELS.indexOf(level) < LEVELS.indexOf(least)
      ? () => {}
      : (event: string, more?: LogFields) => {
          const line = JSON.stringify({ level, event, ...fields, ...more }, (_key, value: unknown) =>
            typeof value === "bigint" ? value.toString() : value,
          );
          process.stderr.write(`${line}\n`);
        };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (more) => stderrLogger(least, { ...fields, ...more }),
  };
}
