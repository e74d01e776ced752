import { describe, expect, test, vi } from "vitest";
import { clockDeadline, deadline, linked, orAborted } from "./abort.ts";
import { isError } from "./errors.ts";
import { serviceUri } from "./ids.ts";
import { Lease } from "./lease.ts";
import { BoundedQueue } from "./queue.ts";
import { ms } from "./time.ts";

describe("a lease", () => {
  test("is given back when its scope ends, once", () => {
    const giveBack = vi.fn();
    {
      using lease = new Lease(giveBack);
      expect(lease.isHeld).toBe(true);
      lease.release();
    }
    expect(giveBack).toHaveBeenCalledOnce();
  });
});

describe("a bounded queue", () => {
  test("refuses one too many, or drops the oldest, as it was told", () => {
    const refusing = new BoundedQueue<number>(2, "refuse");
    expect([1, 2, 3].map((n) => refusing.push(n))).toEqual([true, true, false]);
    expect(refusing.shift()).toBe(1);
    const dropping = new BoundedQueue<number>(2, "drop-oldest");
    expect([1, 2, 3].map((n) => dropping.push(n))).toEqual([true, true, true]);
    expect(dropping.shift()).toBe(2);
  });

  test("forgets an item wherever it stands", () => {
    const queue = new BoundedQueue<string>(3, "refuse");
    for (const item of ["a", "b", "c"]) queue.push(item);
    expect(queue.remove("b")).toBe(true);
    expect(queue.remove("b")).toBe(false);
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(["a", "c", undefined]);
  });
});

describe("a signal", () => {
  test("carries the reason of whichever came first", () => {
    const caller = new AbortController();
    using limit = deadline(ms(60_000), caller.signal);
    const reason = new Error("caller left");
    caller.abort(reason);
    expect(limit.reason).toBe(reason);
  });

  test("of a passed deadline says so", () => {
    vi.useFakeTimers();
    const limit = deadline(ms(50));
    vi.advanceTimersByTime(50);
    expect(isError(limit.reason, "job.deadline-exceeded")).toBe(true);
    vi.useRealTimers();
  });

  test("of a deadline in a clock's time says so, unless the limit was lifted or given back", () => {
    const alarms = new Set<() => void>();
    const alarm = (_: number, ring: () => void) => {
      alarms.add(ring);
      return { [Symbol.dispose]: () => alarms.delete(ring) };
    };
    const clock = { now: () => ms(0), monotonic: () => ms(0), sleep: async () => {}, alarm };
    const left = new AbortController();
    const [passed, lifted, without] = [ms(50), ms(50), undefined].map((limit) =>
      clockDeadline(clock, limit, left.signal),
    );
    clockDeadline(clock, ms(50))[Symbol.dispose]();
    lifted?.lift();
    expect(alarms.size).toBe(1);
    for (const ring of alarms) ring();
    expect(isError(passed?.reason, "job.deadline-exceeded")).toBe(true);
    expect([lifted?.aborted, without?.aborted]).toEqual([false, false]);
    left.abort("left");
    expect([lifted?.reason, without?.reason]).toEqual(["left", "left"]);
  });

  test("that has aborted leaves nobody to hear of work that fails later: it harms nobody", async () => {
    const unheard = vi.fn();
    process.once("unhandledRejection", unheard);
    await expect(orAborted(Promise.reject(new Error("late")), AbortSignal.abort("left"))).rejects.toBe("left");
    await new Promise(setImmediate);
    process.off("unhandledRejection", unheard);
    expect(unheard).not.toHaveBeenCalled();
  });

  test("is unlinked when its scope ends", () => {
    const caller = new AbortController();
    const link = linked(caller.signal);
    link[Symbol.dispose]();
    caller.abort();
    expect(link.signal.aborted).toBe(false);
  });
});

describe("a service URI", () => {
  test("is https unless it says otherwise, and loses its trailing slash", () => {
    expect(serviceUri("o.example:8935")).toBe("https://o.example:8935");
    expect(serviceUri("http://127.0.0.1:9/path/")).toBe("http://127.0.0.1:9/path");
    expect(() => serviceUri("https://")).toThrow(TypeError);
  });
});
