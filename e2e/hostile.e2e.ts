import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { NodeProcess } from "@rivulet/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, at, codeIn } from "./harness/ask.ts";
import { offers } from "./harness/network.ts";
import { request, ScriptedRunner } from "./harness/scripted-runner.ts";
import { SECRET, Stage } from "./harness/stage.ts";

let stage: Stage;
let runner: ScriptedRunner;
let gateway: NodeProcess;
let orchestrator: NodeProcess;

beforeAll(async () => {
  stage = new Stage();
  runner = await ScriptedRunner.start();
  orchestrator = await stage.orchestrator([runner.offer(), `-orchSecret=${SECRET}`]);
  gateway = await stage.gateway([orchestrator]);
  await offers(gateway, 1);
});

afterAll(async () => {
  // After everything that was done to them, both nodes still work, and the gateway thinks no ill of the orchestrator.
  const answer = await ask(gateway, "/text-to-image", request);
  await runner[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  expect(answer.status).toBe(200);
});

const BOUNDARY = "----boundary";
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

function part(headers: string, content: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n${headers}\r\n\r\n`), Buffer.from(content), Buffer.from("\r\n")]);
}

const field = (name: string, value: string) => part(`Content-Disposition: form-data; name="${name}"`, value);
const image = (content: Buffer) =>
  part('Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png', content);
const end = Buffer.from(`--${BOUNDARY}--\r\n`);

/** Bodies that no well-meaning client sends, and the statuses that may answer them. */
const forms: readonly { readonly what: string; readonly body: Buffer; readonly statuses: readonly number[] }[] = [
  {
    what: "truncated in the middle of a file",
    body: Buffer.concat([field("prompt", "a"), image(PIXEL).subarray(0, 120)]),
    statuses: [400],
  },
  { what: "without an end", body: Buffer.concat([field("prompt", "a"), image(PIXEL)]), statuses: [400] },
  {
    what: "with the same file twice",
    body: Buffer.concat([field("prompt", "a"), image(PIXEL), image(PIXEL), end]),
    statuses: [400, 422],
  },
  {
    what: "with the same field twice",
    body: Buffer.concat([field("prompt", "a"), field("prompt", "b"), image(PIXEL), end]),
    statuses: [400, 404, 422],
  },
  {
    what: "with ten thousand fields",
    body: Buffer.concat([...Array.from({ length: 10_000 }, (_, i) => field(`f${i}`, "x")), image(PIXEL), end]),
    statuses: [400, 413, 422],
  },
  {
    what: "with a file that is no image",
    body: Buffer.concat([field("prompt", "a"), image(Buffer.from("no image")), end]),
    statuses: [400, 415],
  },
  {
    what: "with a header of a megabyte",
    body: Buffer.concat([part(`Content-Disposition: form-data; name="${"n".repeat(1e6)}"`, "x"), end]),
    statuses: [400, 413, 422],
  },
  {
    what: "that is noise",
    body: Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256)),
    statuses: [400, 422],
  },
  { what: "that is empty", body: Buffer.alloc(0), statuses: [400, 422] },
];

describe.for(["gateway", "orchestrator"] as const)("the %s, at a multipart body", (role) => {
  test.for(forms)("$what, answers with a status and goes on", async ({ body, statuses }) => {
    const answer = await post(role === "gateway" ? gateway : orchestrator, "/image-to-image", body);
    // An orchestrator refuses before it reads: nobody showed it credentials.
    expect(role === "gateway" ? statuses : [400, 402, 403, 413]).toContain(answer.status);
    expect(answer.text).not.toBe("");
    expect(answer.text).not.toMatch(/\bat .*\.(ts|js):\d+/);
  });
});

test("a body over the limit is refused with 413 before it is read", async () => {
  const { hostname, port } = new URL(gateway.address);
  const socket = connect({ host: hostname, port: Number(port) });
  const type = `multipart/form-data; boundary=${BOUNDARY}`;
  const length = 64 * 1024 * 1024;
  socket.write(
    `POST /image-to-image HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`,
  );
  socket.write(field("prompt", "a"));
  const answer = await new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(bytes.toString())));
  socket.destroy();
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toContain("request.too-large");
});

test("a JSON body that is wrong in any way is a 4xx that names what is wrong", async () => {
  const bodies = [
    "",
    "{",
    "[]",
    "null",
    '"text"',
    '{"prompt":1}',
    '{"prompt":"a","width":-8}',
    '{"prompt":"a","width":7}',
    `{"prompt":"${"a".repeat(2e6)}"}`,
  ];
  for (const body of bodies) {
    const answer = await fetch(`${gateway.address}/text-to-image`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const told: unknown = await answer.json();
    expect([400, 413, 422], body.slice(0, 40)).toContain(answer.status);
    expect(typeof at(told, "error", "code")).toBe("string");
  }
  const invalid = await ask(gateway, "/text-to-image", { ...request, width: -8, num_inference_steps: "many" });
  expect(codeIn(invalid)).toBe("request.invalid");
  expect(JSON.stringify(at(invalid.body, "detail"))).toContain("width");
});

test("a request line, header or body that never ends does not hold a connection for ever or stop others", async () => {
  const lines = [
    Buffer.from("GET /healthz HTTP/1.1\r\nHost: x\r\n"),
    Buffer.from("POST /text-to-image HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"),
    Buffer.from([0x16, 0x03, 0x01, 0xff, 0xff]),
  ];
  const { hostname, port } = new URL(gateway.address);
  const sockets = lines.map((bytes) =>
    connect({ host: hostname, port: Number(port) }, function (this: import("node:net").Socket) {
      this.write(bytes);
    }).on("error", () => {}),
  );
  expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);
  for (const socket of sockets) socket.destroy();
});

/** Bytes after a gRPC frame header of an honest or lying length. */
const frames: readonly (readonly [string, Buffer])[] = [
  ["noise", Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 31) % 256))],
  ["a truncated message", frame(Buffer.from([0x0a, 0x7f, 0x01]))],
  ["a length of four gigabytes", Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])],
  ["a compressed message nobody can read", Buffer.from([1, 0, 0, 0, 1, 0])],
  ["nothing", Buffer.alloc(0)],
];

test.for(frames)("an orchestrator, asked over gRPC with %s, answers an error and goes on", async ([, body]) => {
  const { status } = await grpc("/net.Orchestrator/GetOrchestrator", body);
  expect(status).not.toBe("0");
  expect((await ask(gateway, "/text-to-image", request)).status).toBe(200);
});

test("an orchestrator, asked over gRPC with fields it does not know nested a thousand deep, passes them over", async () => {
  expect((await grpc("/net.Orchestrator/GetOrchestrator", frame(nested(1000)))).status).toBe("0");
});

test("results with a wrong secret, or of a task nobody gave, are refused", async () => {
  const send = (headers: Record<string, string>) =>
    secureFetch(
      `${orchestrator.address}/aiResults`,
      { "content-type": "multipart/mixed; boundary=x", authorization: "Livepeer-AI-Worker-1.0", ...headers },
      "--x--",
    );
  expect(await send({ credentials: "wrong", taskid: "1", pipeline: "text-to-image" })).toBe(401);
  const unknown = await send({ credentials: SECRET, taskid: "12345", pipeline: "text-to-image" });
  expect(unknown).toBeGreaterThanOrEqual(400);
  expect(unknown).toBeLessThan(500);
});

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function nested(depth: number): Buffer {
  let message = Buffer.alloc(0);
  for (let i = 0; i < depth && message.length < 16_000; i++)
    message = Buffer.concat([Buffer.from([0x22, ...varint(message.length)]), message]);
  return message;
}

function varint(value: number): readonly number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
}

async function post(
  node: NodeProcess,
  path: string,
  body: Buffer,
): Promise<{ readonly status: number; readonly text: string }> {
  const { Agent, request: send } = await import("undici");
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const answer = await send(`${node.address}${path}`, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
      body,
      dispatcher,
    });
    return { status: answer.statusCode, text: await answer.body.text() };
  } finally {
    await dispatcher.destroy();
  }
}

async function secureFetch(url: string, headers: Record<string, string>, body: string): Promise<number> {
  const { Agent, request: send } = await import("undici");
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const answer = await send(url, { method: "POST", headers, body, dispatcher });
    await answer.body.dump();
    return answer.statusCode;
  } finally {
    await dispatcher.destroy();
  }
}

async function grpc(path: string, body: Buffer): Promise<{ readonly status: string }> {
  const { connect: connectHttp2 } = await import("node:http2");
  const session = connectHttp2(orchestrator.address, { rejectUnauthorized: false });
  session.on("error", () => {});
  try {
    return await new Promise((resolve) => {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      let status = "none";
      const note = (headers: Record<string, unknown>) => {
        if (headers["grpc-status"] !== undefined) status = String(headers["grpc-status"]);
      };
      stream.on("response", note);
      stream.on("trailers", note);
      stream.on("error", () => {});
      stream.on("close", () => resolve({ status }));
      stream.resume();
      stream.end(body);
    });
  } finally {
    session.destroy();
  }
}

test("a TLS connection that says nothing does not keep an orchestrator from stopping", async () => {
  const { hostname, port } = new URL(orchestrator.address);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false }).on("error", () => {});
  await new Promise((resolve) => socket.once("secureConnect", resolve));
});
