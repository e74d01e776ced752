import { Socket } from "node:net";
import { stderrLogger, systemClock, systemRandomness } from "../system.ts";
import { frameChannel } from "./frames.ts";
import type { FromHost, ToHost } from "./messages.ts";
import { dieWithParent } from "./parent-watch.ts";
import { type HostImplementations, serveHost } from "./serve-host.ts";

/** The descriptor at which the owner left its end of the line. */
const CHANNEL_FD = 3;
/** `getrusage` counts in KiB on every platform Node.js runs on. */
const KIB = 1024;

/** A model host: `host-main.ts IMPLEMENTATIONS OWNER`, a module's address and the owner's process id. */
const [implementationsUrl = "", owner = ""] = process.argv.slice(2);

// ONNX Runtime would report its use to its makers, over the network, and leave files among the temporary ones.
process.env["ORT_DISABLE_TELEMETRY"] = "1";

// A terminal's Ctrl-C reaches every process of the group. The owner decides when a host ends.
process.on("SIGINT", () => {});
dieWithParent(Number(owner));

const module: { implementations: HostImplementations } = await import(implementationsUrl);
await serveHost(frameChannel<FromHost, ToHost>(new Socket({ fd: CHANNEL_FD, readable: true, writable: true })), {
  implementations: module.implementations,
  randomness: systemRandomness,
  clock: systemClock,
  log: stderrLogger("debug"),
  peakBytes: () => process.resourceUsage().maxRSS * KIB,
});
process.exit(0);
