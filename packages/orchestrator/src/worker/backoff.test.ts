import { expect, test } from "vitest";
import { Backoff } from "./backoff.ts";

const always = (value: number) => ({ uniform: () => value, bytes: (length: number) => new Uint8Array(length) });

test("waits grow by half, from half a second to a minute, and begin again", () => {
  const backoff = new Backoff(always(0.5));
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([500, 750, 1125]);
  for (let attempt = 0; attempt < 20; attempt += 1) backoff.next();
  expect(backoff.next()).toBe(60_000);
  backoff.reset();
  expect(backoff.next()).toBe(500);
});

test("chance moves a wait by half of it at most", () => {
  expect(new Backoff(always(0)).next()).toBe(250);
  expect(new Backoff(always(0.999)).next()).toBeLessThan(750);
});
