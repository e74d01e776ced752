import { expect, test } from "vitest";
import { floats } from "../tensor.ts";
import { type Seen, SeenPictures } from "./seen-pictures.ts";

/** Eight bytes. */
const seen = (): Seen => ({
  width: 1,
  height: 1,
  embeddings: { "image_embeddings.0": floats(new Float32Array(2), [2]) },
});

async function isLookedAt(pictures: SeenPictures, name: string): Promise<boolean> {
  let looked = false;
  await pictures.get(Buffer.from(name), async () => {
    looked = true;
    return seen();
  });
  return looked;
}

test("the picture asked for longest ago is forgotten when all exceed the bound", async () => {
  const pictures = new SeenPictures(16);
  for (const name of ["a", "b", "a", "c"]) await isLookedAt(pictures, name);
  expect(await isLookedAt(pictures, "a")).toBe(false);
  expect(await isLookedAt(pictures, "c")).toBe(false);
  expect(await isLookedAt(pictures, "b")).toBe(true);
});

test("a picture larger than the bound is not kept, and takes no other's place for long", async () => {
  const pictures = new SeenPictures(7);
  expect(await isLookedAt(pictures, "a")).toBe(true);
  expect(await isLookedAt(pictures, "a")).toBe(true);
});

test("a look that fails leaves nothing behind", async () => {
  const pictures = new SeenPictures(16);
  const failing = pictures.get(Buffer.from("a"), () => Promise.reject(new Error("no picture")));
  await expect(failing).rejects.toThrow("no picture");
  expect(await isLookedAt(pictures, "a")).toBe(true);
});

test("a picture that two looked at together counts once", async () => {
  const pictures = new SeenPictures(16);
  await Promise.all([isLookedAt(pictures, "a"), isLookedAt(pictures, "a")]);
  await isLookedAt(pictures, "b");
  expect(await isLookedAt(pictures, "a")).toBe(false);
});
