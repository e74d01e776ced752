import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type ClientSessionOptions, connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { serviceUri } from "@rivulet/primitives";
import { Agent, request } from "undici";
import { expect, test } from "vitest";
import { isPublicPlace, publicLookup } from "./public-place.ts";

test.each(["orch.example.org", "8.8.8.8", "172.32.0.1", "[2606:4700::1]", "[::ffff:8.8.8.8]", "localhost.example.org"])(
  "%s is public",
  (host) => {
    expect(isPublicPlace(serviceUri(`https://${host}:8935`))).toBe(true);
  },
);

test.each([
  "127.0.0.1",
  "0x7f.1",
  "2130706433",
  "0.0.0.0",
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "[::1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[2002:7f00:1::]",
  "[fd00::1]",
  "[fe80::1]",
  "localhost",
  "localhost.",
  "a.localhost",
  "printer",
  "nas.local",
  "metadata.google.internal",
])("%s is not public", (host) => {
  expect(isPublicPlace(serviceUri(`https://${host}:8935`))).toBe(false);
});

test("a name is not connected to when it stands for this machine, unless it is one's own", async () => {
  const server = createHttpServer((_, response) => response.end("here")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const answered = async (own: readonly string[]) => {
    const dispatcher = new Agent({ connect: { lookup: publicLookup(new Set(own)) } });
    const answer = request(`http://localhost:${port}/`, { dispatcher });
    try {
      return await (await answer).body.text();
    } catch (error) {
      return error instanceof Error ? error.message : error;
    } finally {
      await dispatcher.destroy();
    }
  };
  expect(await answered([])).toBe("localhost is not on the public internet");
  expect(await answered(["localhost"])).toBe("here");
  server.close();
});

test("nor is it over HTTP/2", async () => {
  const session = connect("http://localhost:1", { lookup: publicLookup(new Set()) } as ClientSessionOptions);
  const [error] = await once(session, "error").catch((thrown: unknown) => [thrown]);
  expect(error).toMatchObject({ message: "localhost is not on the public internet" });
});
