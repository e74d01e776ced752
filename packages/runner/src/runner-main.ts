import { once } from "node:events";
import { createInterface } from "node:readline";
import { isError, RivuletError } from "@rivulet/primitives";
import { Hardware } from "./hardware.ts";
import { ALL_IMPLEMENTATIONS, processLauncher } from "./host/process-host.ts";
import { RunnerServer } from "./http/server.ts";
import { Runner } from "./runner.ts";
import { compileSettings, settingsFromEnvironment } from "./runner-settings.ts";
import { stderrLogger, systemClock, systemRandomness } from "./system.ts";

/**
 * A runner as a process of its own.
 *
 *     runner-main.ts --owned      settings are the first line of standard input; its end is the end of the owner
 *     runner-main.ts '{…}'        settings are the argument
 *     runner-main.ts              settings are the variables that published workers set
 *
 * Says `{"listening":"http://…"}` on standard output when it takes requests; everything else goes to standard error. Ends
 * with 0 when told to (SIGTERM, SIGINT, its owner's end) and with 1 when it cannot start.
 */
const [argument] = process.argv.slice(2);
const isOwned = argument === "--owned";

async function readSettings(): Promise<unknown> {
  if (argument === undefined) return settingsFromEnvironment(process.env);
  if (!isOwned) return JSON.parse(argument);
  const [line] = await once(createInterface({ input: process.stdin }), "line");
  return JSON.parse(line);
}

/** Resolves when somebody wants this process to end. */
function ended(): Promise<string> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve("SIGTERM"));
    process.once("SIGINT", () => resolve("SIGINT"));
    if (isOwned) process.stdin.once("close", () => resolve("the owner is gone"));
  });
}

const end = ended();
let log = stderrLogger("info");
try {
  const settings = compileSettings(await readSettings());
  if (settings.verbose) log = stderrLogger("debug");
  const ports = { clock: systemClock, randomness: systemRandomness, log };
  const implementations = new URL(settings.implementations ?? ALL_IMPLEMENTATIONS);
  const runner = new Runner(settings.runner, { ...ports, launcher: processLauncher({ implementations, log }) });
  const server = new RunnerServer(settings.server, { ...ports, runner, hardware: new Hardware(ports) });
  const stop = () => Promise.all([server.stop(), runner.stop()]);

  const started = (async () => {
    await runner.start();
    // A published worker that once sees LOADING never uses the runner: it gets an open port only when all is well.
    if (settings.server.peer === "published-worker") await runner.warmUp();
    const { status, detail } = runner.health;
    if (settings.server.peer === "published-worker" && status !== "OK")
      throw new RivuletError("node.cannot-start", { reason: detail ?? "the model is not ready" });
    await server.start();
    process.stdout.write(`${JSON.stringify({ listening: server.url })}\n`);
    log.info("runner listening", { url: server.url, models: runner.models.length });
  })();
  try {
    await Promise.race([started, end]);
    log.info("runner stopping", { reason: await end });
  } finally {
    await stop();
  }
  process.exit(0);
} catch (error) {
  const reason = isError(error) || error instanceof SyntaxError ? error.message : String(error);
  log.error("runner cannot start", { reason });
  process.exit(1);
}
