import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { isError, ms, RivuletError, type Startable, silentLogger } from "@rivulet/primitives";
import { turn } from "@rivulet/testkit";
import { describe, expect, test, vi } from "vitest";
import { runUntilStopped } from "./shutdown.ts";

function world() {
  const events = new EventEmitter();
  const stdin = new PassThrough();
  const exit = vi.fn<(code?: number | string | null) => never>();
  const process = Object.assign(events, { stdin, exit }) as unknown as NodeJS.Process;
  return { process, stdin, exit, signal: (name: string) => events.emit(name, name) };
}

function node(parts: Partial<Startable> = {}) {
  return { start: vi.fn(async () => {}), stop: vi.fn(async () => {}), ...parts };
}

const options = { limit: ms(60_000), withParent: false };

describe("a node", () => {
  test("runs until the first signal, then stops in order", async () => {
    const { process, signal } = world();
    const role = node();
    const run = runUntilStopped(role, options, { process, log: silentLogger });
    await turn();
    expect(role.stop).not.toHaveBeenCalled();
    signal("SIGINT");
    expect(await run).toBe(130);
    expect(role.stop).toHaveBeenCalledOnce();
    expect(process.listenerCount("SIGINT")).toBe(0);
  });

  test("does at SIGHUP what it is asked for, and goes on", async () => {
    const { process, signal } = world();
    const hangup = vi.fn();
    const run = runUntilStopped(node(), options, { process, log: silentLogger, hangup });
    await turn();
    signal("SIGHUP");
    signal("SIGHUP");
    expect(hangup).toHaveBeenCalledTimes(2);
    signal("SIGTERM");
    expect(await run).toBe(0);
  });

  test("stops while it starts, and that is no failure", async () => {
    const { process, signal } = world();
    const stopped = Promise.withResolvers<void>();
    const role = node({
      start: () => stopped.promise.then(() => Promise.reject(new RivuletError("node.stopping", {}))),
      stop: async () => stopped.resolve(),
    });
    const run = runUntilStopped(role, options, { process, log: silentLogger });
    await turn();
    signal("SIGTERM");
    expect(await run).toBe(0);
  });

  test("ends at once at the second signal, abandoning what it holds", async () => {
    const { process, signal, exit } = world();
    const abandon = vi.fn();
    void runUntilStopped(node({ stop: () => new Promise(() => {}) }), options, { process, log: silentLogger, abandon });
    await turn();
    signal("SIGINT");
    await turn();
    expect(exit).not.toHaveBeenCalled();
    signal("SIGINT");
    expect(abandon).toHaveBeenCalledOnce();
    expect(exit).toHaveBeenCalledWith(130);
  });

  test("ends when stopping takes longer than its limit", async () => {
    vi.useFakeTimers();
    const { process, signal, exit } = world();
    void runUntilStopped(
      node({ stop: () => new Promise(() => {}) }),
      { ...options, limit: ms(5000) },
      { process, log: silentLogger },
    );
    await vi.advanceTimersByTimeAsync(0);
    signal("SIGTERM");
    await vi.advanceTimersByTimeAsync(4999);
    expect(exit).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(exit).toHaveBeenCalledWith(0);
    vi.useRealTimers();
  });

  test("stops when its parent has gone, where it was asked to", async () => {
    const { process, stdin } = world();
    const role = node();
    const run = runUntilStopped(role, { ...options, withParent: true }, { process, log: silentLogger });
    await turn();
    stdin.end();
    expect(await run).toBe(0);
    expect(role.stop).toHaveBeenCalledOnce();
  });

  test("that cannot start is stopped, and says why", async () => {
    const { process } = world();
    const role = node({
      start: () => Promise.reject(new RivuletError("node.cannot-start", { reason: "port in use" })),
    });
    const run = runUntilStopped(role, options, { process, log: silentLogger });
    await expect(run).rejects.toSatisfy((error) => isError(error, "node.cannot-start"));
    expect(role.stop).toHaveBeenCalledOnce();
  });

  test("stops by itself once its work is done", async () => {
    const { process } = world();
    const role = node();
    expect(await runUntilStopped(role, options, { process, log: silentLogger }, async () => 3)).toBe(3);
    expect(role.stop).toHaveBeenCalledOnce();
  });
});
