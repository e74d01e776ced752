import { existsSync, readdirSync } from "node:fs";
import { pipelineNames } from "@rivulet/pipelines";
import type { StarterCheck } from "./starter-check.ts";

/** The checks of all starter packages that lie beside this folder, in the order documents list the pipelines. */
export async function findChecks(): Promise<readonly StarterCheck[]> {
  const models = new URL("../", import.meta.url);
  const files = readdirSync(models)
    .filter((name) => name.startsWith("starter-"))
    .map((name) => new URL(`${name}/check.ts`, models))
    .filter((file) => existsSync(file));
  const found: StarterCheck[] = [];
  for (const file of files) {
    const { check, checks = [] }: { readonly check?: StarterCheck; readonly checks?: readonly StarterCheck[] } =
      await import(file.href);
    found.push(...(check === undefined ? checks : [check, ...checks]));
  }
  return found.toSorted((a, b) => pipelineNames.indexOf(a.pipeline) - pipelineNames.indexOf(b.pipeline));
}
