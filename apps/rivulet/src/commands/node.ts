import {
  ComposedNode,
  configure,
  createLogger,
  helpLines,
  PriceReload,
  type Role,
  readyLine,
  runUntilStopped,
  secureRandomness,
  systemClock,
} from "@rivulet/node";
import { ms } from "@rivulet/primitives";
import type { Terminal } from "../terminal.ts";
import { VERSION } from "../version.ts";

/** Jobs in flight get this long to end when a node is told to stop. */
const STOP_LIMIT = ms(15_000);

/** Runs a node in one role, or in the roles of its config file, until it is told to stop. */
export async function nodeCommand(
  role: Role | undefined,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const parsed = configure(role === undefined ? [] : [role], argv);
  if (parsed.kind === "help") {
    terminal.result(`usage: rivulet ${role ?? "start"} [flags]\n\n${helpLines(parsed.known).join("\n")}`);
    return 0;
  }
  const { configuration, again, priceFiles } = parsed;
  const { logLevel, logFormat, stopWithParent } = configuration.settings;
  const format = logFormat === "auto" ? (terminal.screen.isTTY ? "lines" : "json") : logFormat;
  const log = createLogger({ level: logLevel, format });
  using reload = new PriceReload({ files: priceFiles, read: again }, log);
  const node = new ComposedNode(configuration, {
    log,
    reload,
    clock: systemClock,
    randomness: secureRandomness,
    version: VERSION,
  });
  // On a terminal SIGHUP means that it has gone.
  const hangup = terminal.screen.isTTY ? {} : { hangup: () => reload.reload("SIGHUP") };
  return await runUntilStopped(
    node,
    { limit: STOP_LIMIT, withParent: stopWithParent },
    { process, log, ...hangup },
    async (stopping) => {
      reload.start();
      terminal.result(readyLine(node.roles));
      await node.watch(stopping);
      return undefined;
    },
  );
}
