// Loaded before a verb's own code: ends it when the process that started it is gone, even by SIGKILL. The starter holds
// the other end of a pipe; the pipe closes with the starter, and that is the only thing it ever says.

import { Socket } from "node:net";

/** How long a verb may take to stop in order before it is ended. */
const GRACE_MS = 10_000;

const descriptor = process.env.RIVULET_LIFELINE;
// Children of this process do not have the pipe.
delete process.env.RIVULET_LIFELINE;

if (descriptor !== undefined) {
  const pipe = new Socket({ fd: Number(descriptor), readable: true, writable: false });
  pipe.on("error", () => {});
  pipe.on("close", () => {
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => process.kill(-process.pid, "SIGKILL"), GRACE_MS).unref();
  });
  pipe.resume();
  pipe.unref();
}
