import { expect, test } from "vitest";
import { openApiDocument } from "./openapi.ts";
import { batchPipelines, pipelines } from "./registry.ts";

test("a gateway offers the batch pipelines, a runner all of them and what it tells about itself", () => {
  const paths = (audience: "gateway" | "runner") =>
    Object.keys(openApiDocument({ audience, version: "1" }).paths ?? {});
  const withLater = batchPipelines.flatMap(({ name, answersLater }) => [
    `/${name}`,
    ...(answersLater === true ? [`/${name}/result`] : []),
  ]);
  expect(paths("gateway")).toEqual(withLater);
  expect(withLater).toContain("/image-to-video/result");
  expect(paths("runner")).toEqual([
    ...pipelines.map(({ name }) => `/${name}`),
    "/health",
    "/hardware/info",
    "/hardware/stats",
    "/version",
  ]);
});

test("the same document comes out each time", () => {
  const make = () => JSON.stringify(openApiDocument({ audience: "gateway", version: "1" }));
  expect(make()).toBe(make());
});

test("version and servers are said", () => {
  const servers = [{ url: "http://127.0.0.1:9935" }];
  const document = openApiDocument({ audience: "gateway", version: "1.2.3", servers });
  expect(document.openapi).toBe("3.1.0");
  expect(document.info.version).toBe("1.2.3");
  expect(document.servers).toEqual(servers);
  expect(openApiDocument({ audience: "gateway", version: "1" }).servers).toBeUndefined();
});

test("every reference leads somewhere", () => {
  for (const audience of ["gateway", "runner"] as const) {
    const document: unknown = JSON.parse(JSON.stringify(openApiDocument({ audience, version: "1" })));
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path);
    expect(references.length).toBeGreaterThan(0);
    for (const path of references) expect(follow(document, path.split("/")), path).toBeDefined();
  }
});

test("a gateway says how files may come, where there are some, and what it tells beside an answer", () => {
  const { paths, components } = openApiDocument({ audience: "gateway", version: "1" });
  const withFiles = ["text-to-image", "image-to-image", "image-to-video", "upscale", "text-to-speech"];
  for (const { name } of batchPipelines) {
    const post = paths?.[`/${name}`]?.post;
    const prefer = [{ $ref: "#/components/parameters/Prefer" }];
    expect([name, post?.parameters]).toEqual([name, withFiles.includes(name) ? prefer : undefined]);
    expect(Object.keys(Reflect.get(post?.responses?.["200"] ?? {}, "headers"))).toEqual([
      "X-Request-Id",
      "X-Orchestrator",
      "X-Units",
      "X-Price-Wei",
      "X-Cost-Wei",
      "Server-Timing",
    ]);
    for (const status of ["413", "422", "503"]) expect(post?.responses).toHaveProperty(status);
  }
  for (const schema of ["TextToImageParams", "TextToSpeechParams", "Body_genImageToImage"])
    expect(components?.schemas?.[schema]).toHaveProperty(
      ["properties", "response_format", "enum"],
      ["url", "data", "b64", "b64_json"],
    );
  for (const response of Object.values(components?.responses ?? {}))
    expect(response).toHaveProperty(["headers", "X-Request-Id"]);
});

test("a runner knows nothing of how applications get files", () => {
  const text = JSON.stringify(openApiDocument({ audience: "runner", version: "1" }));
  for (const word of ["response_format", "Prefer", "X-Request-Id", "X-Units"]) expect(text).not.toContain(word);
});

test("the error responses say when to come back and what went wrong", () => {
  const { components } = openApiDocument({ audience: "gateway", version: "1" });
  expect(components?.responses?.["Error503"]).toHaveProperty(["headers", "Retry-After"]);
  expect(Object.keys(components?.schemas ?? {})).toEqual(
    expect.arrayContaining(["HTTPError", "APIError", "HTTPValidationError", "ValidationError"]),
  );
});

function follow(owner: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return owner;
  return typeof owner === "object" && owner !== null ? follow(Reflect.get(owner, step), rest) : undefined;
}
