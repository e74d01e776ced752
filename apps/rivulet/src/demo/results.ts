import { mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RivuletError } from "@rivulet/primitives";
import type { Answer, DemoFile } from "./ask.ts";
import type { Demonstration } from "./demonstration.ts";

export type ResultKind = "picture" | "clip" | "sound" | "text" | "outline";

/** A result as a file in the folder. */
export interface SavedFile {
  readonly kind: ResultKind;
  /** Absolute. */
  readonly path: string;
  /** Its name in the folder. */
  readonly name: string;
  readonly contentType: string;
}

const KINDS: Readonly<Record<string, readonly [kind: ResultKind, extension: string]>> = {
  "image/png": ["picture", "png"],
  "video/mp4": ["clip", "mp4"],
  "audio/wav": ["sound", "wav"],
};

/** Writes what came back into the folder, each file named by its pipeline. */
export function saveAnswer(folder: string, { pipeline }: Demonstration, answer: Answer): readonly SavedFile[] {
  const saved: SavedFile[] = [];
  const save = (kind: ResultKind, extension: string, contentType: string, content: Uint8Array | string) => {
    const again = saved.filter((file) => file.kind === kind).length;
    const name = `${pipeline}${again === 0 ? "" : `-${again + 1}`}.${extension}`;
    saved.push({ kind, name, path: write(join(folder, name), content), contentType });
  };
  for (const { bytes, contentType } of answer.files) {
    const [kind, extension] = KINDS[contentType] ?? ["text", "bin"];
    save(kind, extension, contentType, bytes);
  }
  if (answer.words !== undefined) save("text", "txt", "text/plain", `${answer.words}\n`);
  if (answer.outline !== undefined) save("outline", "svg", "image/svg+xml", answer.outline);
  return saved;
}

/** Writes a file, and the directories it is in. Throws `node.cannot-start` with the reason. */
export function write(path: string, content: Uint8Array | string): string {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  } catch (cause) {
    const reason = `${basename(path)} cannot be written: ${String(cause)}`;
    throw new RivuletError("node.cannot-start", { reason }, { cause });
  }
  return path;
}

/** The files that a demonstration sends, from the answers of those before it. */
export function filesToSend(
  { files }: Demonstration,
  answers: ReadonlyMap<string, Answer>,
): ReadonlyMap<string, DemoFile> | undefined {
  const sent = new Map<string, DemoFile>();
  for (const [field, source] of Object.entries(files)) {
    const file = answers.get(source)?.files[0];
    if (file === undefined) return undefined;
    sent.set(field, file);
  }
  return sent;
}
