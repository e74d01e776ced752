import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { ask, parseServerTiming } from "./ask.ts";
import { demonstrations } from "./demonstration.ts";

/** A gateway with an answer for each path; it knows no others. */
async function gatewayOf(answers: Readonly<Record<string, string>>): Promise<string> {
  const server = createServer(({ url = "" }, response) => {
    const answer = answers[url];
    response.writeHead(answer === undefined ? 404 : 200).end(answer ?? "gone");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  server.unref();
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

const [drawing] = demonstrations;

test.each([
  ["is not there", { "/text-to-image": '{"images": [{"url": "/stream/a.png", "seed": 7, "nsfw": false}]}' }],
  ["has no answer in JSON", { "/text-to-image": "<html>" }],
  ["has an answer to something else", { "/text-to-image": '{"text": "a star"}' }],
])("a result that %s is a failure of the gateway, never a picture", async (_what, answers) => {
  if (drawing === undefined) throw new RangeError("nothing is shown");
  const asked = ask(await gatewayOf(answers), drawing, new Map(), new AbortController().signal);
  await expect(asked).rejects.toMatchObject({ code: "peer.failed" });
});

test("a Server-Timing header tells each part in milliseconds", () => {
  expect(parseServerTiming('selection;dur=0.41, load;dur=0, inference;desc="x";dur=12')).toEqual({
    selection: 0.41,
    load: 0,
  });
  expect(parseServerTiming("queue;dur=3,inference;dur=1204.5")).toEqual({ queue: 3, inference: 1204.5 });
});

test("any text is a table of numbers", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(Object.values(parseServerTiming(text)).every(Number.isFinite)).toBe(true);
    }),
  );
});
