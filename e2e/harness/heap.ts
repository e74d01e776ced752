import type { NodeProcess } from "@rivulet/node";

/** Arguments for Node.js that let `heapOf` look inside. */
export const INSPECTED = "--inspect=127.0.0.1:0";

/** Bytes of live objects in a node's process, after a full collection. The process was started with `INSPECTED`. */
export async function heapOf(node: NodeProcess): Promise<number> {
  const url = node.inspector;
  if (url === undefined) throw new Error(`${node.name} was not started with ${INSPECTED}`);
  const socket = new WebSocket(url);
  await once(socket, "open");
  try {
    // The second collection frees what finalizers of the first let go.
    await call(socket, 1, "HeapProfiler.collectGarbage");
    await call(socket, 2, "HeapProfiler.collectGarbage");
    const usage = await call(socket, 3, "Runtime.getHeapUsage");
    return Number(Reflect.get(usage, "usedSize"));
  } finally {
    socket.close();
    await once(socket, "close");
  }
}

function once(socket: WebSocket, event: "open" | "close"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(event, () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("the inspector closed the line")), { once: true });
  });
}

function call(socket: WebSocket, id: number, method: string): Promise<object> {
  return new Promise((resolve) => {
    const listener = (message: MessageEvent) => {
      const answer: unknown = JSON.parse(String(message.data));
      if (typeof answer !== "object" || answer === null || !("id" in answer) || answer.id !== id) return;
      socket.removeEventListener("message", listener);
      resolve("result" in answer && typeof answer.result === "object" && answer.result !== null ? answer.result : {});
    };
    socket.addEventListener("message", listener);
    socket.send(JSON.stringify({ id, method }));
  });
}
