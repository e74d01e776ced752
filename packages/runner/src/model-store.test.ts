import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelStore, sizeOf } from "./model-store.ts";

let root = "";

async function put(path: string, content = "{}"): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rivulet-store-"));
  await put("acme/painter/model_index.json");
  await put("acme/painter/unet/model.onnx", "x".repeat(1000));
  await put("gpt2/config.json");
  await put("acme/not-a-model/readme.txt");
  await put("a-file-not-a-directory");
  await put("models--acme--cached/refs/main", "abc123\n");
  await put("models--acme--cached/blobs/feed", "y".repeat(500));
  await put("models--acme--cached/snapshots/abc123/config.json");
  await put("models--acme--cached/snapshots/def456/config.json");
  await symlink("../../blobs/feed", join(root, "models--acme--cached/snapshots/abc123/model.onnx"));
  await put("models--lonely/snapshots/only/config.json");
  await put("models--acme--ambiguous/snapshots/one/config.json");
  await put("models--acme--ambiguous/snapshots/two/config.json");
  await put("secret/config.json");
});
afterAll(() => rm(root, { recursive: true }));

describe("the model store", () => {
  test("finds a model in a plain folder, in the hub's cache, and without an organisation", async () => {
    const store = new ModelStore([root]);
    expect(await store.find("acme/painter")).toEqual({ model: "acme/painter", directory: join(root, "acme/painter") });
    expect((await store.find("acme/cached"))?.directory).toBe(join(root, "models--acme--cached/snapshots/abc123"));
    expect((await store.find("lonely"))?.directory).toBe(join(root, "models--lonely/snapshots/only"));
    expect((await store.find("gpt2"))?.directory).toBe(join(root, "gpt2"));
  });

  test("lists every model once, and nothing that is not one", async () => {
    const store = new ModelStore([root, root, join(root, "missing")]);
    const ids = (await store.list()).map(({ model }) => model);
    expect(ids).toEqual(["acme/cached", "acme/painter", "gpt2", "lonely", "secret"]);
  });

  test("says what is there when asked for what is not", async () => {
    await expect(new ModelStore([root]).get("acme/nothing", "upscale")).rejects.toMatchObject({
      code: "model.unknown",
      facts: { pipeline: "upscale", model: "acme/nothing", offered: expect.arrayContaining(["acme/painter"]) },
    });
  });

  test("says of a folder that is no model what it lacks", async () => {
    await put("models--acme--half/snapshots/only/onnx/model.onnx");
    for (const model of ["acme/not-a-model", "acme/half"])
      await expect(new ModelStore([root]).get(model, "upscale")).rejects.toMatchObject({
        code: "model.load-failed",
        facts: { pipeline: "upscale", model, reason: "its folder has neither config.json nor model_index.json" },
      });
  });

  test.each(["../secret", "acme/../secret", "/etc", "acme/painter/unet", "..", ".", ""])(
    "never leaves its directory for %j",
    async (model) => {
      expect(await new ModelStore([join(root, "acme")]).find(model)).toBeUndefined();
    },
  );

  test("measures what loading reads, through links", async () => {
    expect(await sizeOf(join(root, "acme/painter"))).toBe(1000);
    expect(await sizeOf(join(root, "models--acme--cached/snapshots/abc123"))).toBe(500);
  });

  test("measures no weights that are there in another format as well", async () => {
    await put("acme/both/unet/model.onnx", "x".repeat(100));
    await put("acme/both/unet/model.onnx_data", "x".repeat(1000));
    await put("acme/both/unet/model.safetensors", "x".repeat(5000));
    expect(await sizeOf(join(root, "acme/both"))).toBe(1100);
  });
});
