import type { ChildProcess } from "node:child_process";
import { RivuletError } from "@rivulet/primitives";

/**
 * A child process that was really started. Throws `node.cannot-start` when the system had no room for another: the library
 * then returns a child without pipes and tells it as an event, which would end this process if nobody listened.
 */
export function started<C extends ChildProcess>(child: C): C {
  child.on("error", () => {}); // what else it may tell shows in how the process ends
  if (child.pid === undefined)
    throw new RivuletError("node.cannot-start", { reason: "the system has no room for another process" });
  return child;
}
