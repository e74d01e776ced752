import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { readWhisperSettings } from "./whisper-settings.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const generation = { decoder_start_token_id: 2, eos_token_id: 1, no_timestamps_token_id: 3 };

function directoryOf(files: Readonly<Record<string, object>>): string {
  const folder = mkdtempSync(join(tmpdir(), "whisper-settings-"));
  folders.push(folder);
  for (const [name, value] of Object.entries({
    config: { model_type: "whisper" },
    generation_config: generation,
    ...files,
  }))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(value));
  return folder;
}

describe("the seconds between two timestamps", () => {
  test("are those of the published models when the files do not say", async () => {
    expect((await readWhisperSettings(directoryOf({}))).precision).toBe(0.02);
  });

  test("follow from the length of the model's own window and its states", async () => {
    const directory = directoryOf({
      config: { model_type: "whisper", max_source_positions: 250 },
      preprocessor_config: { chunk_length: 10 },
    });
    expect((await readWhisperSettings(directory)).precision).toBe(0.04);
  });
});

test("a model that does not name its special tokens is refused", async () => {
  await expect(readWhisperSettings(directoryOf({ generation_config: {} }))).rejects.toThrow(RangeError);
});
