import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { minutes, ms, seconds } from "@rivulet/primitives";
import { Agent, request } from "undici";
import { afterEach, describe, expect, test } from "vitest";
import { selfSignedCertificate } from "./certificate.ts";
import type { HttpHandler } from "./exchange.ts";
import { Listener, type ListenerPatience } from "./listener.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 } as const;
const patience: ListenerPatience = { idle: minutes(1), greeting: seconds(10), head: seconds(10), heartbeat: ms(50) };
let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

async function listening(
  handler: HttpHandler,
  options: Partial<ListenerPatience> = {},
  isSecure = true,
): Promise<Listener> {
  const certificate = isSecure ? await selfSignedCertificate("localhost", new Date()) : undefined;
  const listener = new Listener(LOOPBACK, certificate, handler, { ...patience, ...options });
  await listener.start();
  opened.defer(() => listener.stop());
  return listener;
}

/** A cable that can go silent: nothing arrives any more, and nobody is told. */
async function cable(to: string) {
  const near = Promise.withResolvers<Socket>();
  const far = connect(Number(new URL(to).port), "127.0.0.1");
  const server = createServer((socket) => {
    socket.on("error", () => {});
    far.on("error", () => {});
    socket.pipe(far).pipe(socket);
    near.resolve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.defer(async () => {
    far.destroy();
    (await near.promise).destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: to.replace(/\d+$/, String((server.address() as AddressInfo).port)),
    silence: async () => {
      const socket = await near.promise;
      socket.unpipe(far).pause();
      far.unpipe(socket).pause();
    },
  };
}

function client(url: string) {
  const session = connectHttp2(url, { rejectUnauthorized: false });
  session.on("error", () => {});
  opened.defer(() => session.destroy());
  return session;
}

describe.each([
  ["over TLS", true],
  ["in clear text", false],
])("%s", (_what, isSecure) => {
  test("a request whose peer has fallen silent is closed", async () => {
    const arrived = Promise.withResolvers<{ readonly closed: Promise<unknown> }>();
    const handler: HttpHandler = (_request, response) => arrived.resolve({ closed: once(response, "close") });
    const { url } = await listening(handler, {}, isSecure);
    const line = await cable(url);
    client(line.url)
      .request({ ":path": "/" })
      .on("error", () => {});
    const { closed } = await arrived.promise;
    await line.silence();
    await closed;
  });

  test("a request that takes long, of a peer that lives, goes on", async () => {
    const { url } = await listening(
      (_request, response) => void setTimeout(() => response.end("late"), 10 * patience.heartbeat),
      { idle: ms(1) },
      isSecure,
    );
    const stream = client(url).request({ ":path": "/" });
    let text = "";
    for await (const chunk of stream) text += chunk;
    expect(text).toBe("late");
  });

  test("a connection that nobody uses is closed", async () => {
    const { url } = await listening(() => {}, { idle: ms(1) }, isSecure);
    await once(client(url), "close");
  });
});

test("in clear text a request whose head does not end is given up", async () => {
  const { url } = await listening(() => {}, { head: ms(50) }, false);
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: ");
  let text = "";
  for await (const chunk of socket) text += chunk;
  expect(text).toMatch(/^HTTP\/1.1 408/);
});

describe("a payment of 600 tickets in a header", () => {
  const payment = "A".repeat(60_000);
  const told: HttpHandler = (request, response) => response.end(String(request.headers["livepeer-payment"]?.length));

  test.each([true, false])("arrives over HTTP/1.1 (TLS: %s)", async (isSecure) => {
    const { url } = await listening(told, {}, isSecure);
    const agent = new Agent({ connect: { rejectUnauthorized: false } });
    opened.defer(() => agent.destroy());
    const { body } = await request(url, { dispatcher: agent, headers: { "livepeer-payment": payment } });
    expect(await body.text()).toBe(String(payment.length));
  });

  test.each([true, false])("arrives over HTTP/2 (TLS: %s)", async (isSecure) => {
    const { url } = await listening(told, {}, isSecure);
    const session = connectHttp2(url, { rejectUnauthorized: false });
    opened.defer(() => session.destroy());
    await once(session, "remoteSettings");
    const stream = session.request({ ":path": "/", "livepeer-payment": payment });
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk;
    expect(text).toBe(String(payment.length));
  });
});
