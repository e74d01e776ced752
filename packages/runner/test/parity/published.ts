import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { referenceFile } from "./references.ts";

/**
 * The folder of a family's model as it is published. Of SDXL Lightning that is a UNet alone, so the base model's scheduler
 * lies beside it, and what is right is known by the id only.
 */
export async function publishedModel(family: string): Promise<string> {
  const model = referenceFile(family, "model");
  if (family !== "sdxl-lightning") return model;
  const folder = await mkdtemp(join(tmpdir(), "rivulet-published-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(model, folder, { recursive: true });
  await cp(referenceFile("sdxl", "model/scheduler"), join(folder, "scheduler"), { recursive: true });
  return folder;
}
