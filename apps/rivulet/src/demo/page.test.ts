import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Answer } from "./ask.ts";
import { demonstrations } from "./demonstration.ts";
import { page, type Shown } from "./page.ts";
import { filesToSend, saveAnswer } from "./results.ts";

const FILES: Readonly<Record<string, string>> = {
  "image-to-video": "video/mp4",
  "text-to-speech": "audio/wav",
};
const WORDS: Readonly<Record<string, string>> = { "image-to-text": "a <b>star</b>", "audio-to-text": "said", llm: "7" };

function answerOf(pipeline: string): Answer {
  const words = WORDS[pipeline];
  const contentType = FILES[pipeline] ?? "image/png";
  return {
    requestId: "r",
    orchestrator: "https://a",
    timings: { inference: 12 },
    files: words === undefined && pipeline !== "segment-anything-2" ? [{ bytes: Buffer.from("x"), contentType }] : [],
    words,
    outline: pipeline === "segment-anything-2" ? "<svg/>" : undefined,
    tookMs: 12,
  };
}

/** Everything shown once, into a folder of its own. */
function exhibition(): { readonly folder: string; readonly shown: readonly Shown[] } {
  const folder = mkdtempSync(join(tmpdir(), "rivulet-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const shown = demonstrations.map((demonstration) => {
    const answer = answerOf(demonstration.pipeline);
    return { demonstration, answer, saved: saveAnswer(folder, demonstration, answer) };
  });
  return { folder, shown };
}

test("every result is a file named by its pipeline", () => {
  const { folder, shown } = exhibition();
  expect(shown.flatMap(({ saved }) => saved.map(({ kind, name }) => `${kind} ${name}`))).toEqual([
    "picture text-to-image.png",
    "picture image-to-image.png",
    "text image-to-text.txt",
    "outline segment-anything-2.svg",
    "picture upscale.png",
    "clip image-to-video.mp4",
    "sound text-to-speech.wav",
    "text audio-to-text.txt",
    "text llm.txt",
  ]);
  expect(readFileSync(join(folder, "llm.txt"), "utf8")).toBe("7\n");
});

test("the page shows each result with its request and its curl line, and asks nobody for anything", () => {
  const { shown } = exhibition();
  const text = page({ shown, missed: [], orchestrators: [], gateway: "http://127.0.0.1:1" });
  for (const { demonstration, saved } of shown) {
    expect(text).toContain(`id="${demonstration.pipeline}"`);
    expect(text).toContain(`curl http://127.0.0.1:1/${demonstration.pipeline}`);
    for (const { name } of saved) expect(text).toContain(`href="${name}"`);
  }
  expect(text).toContain('<video src="image-to-video.mp4"');
  expect(text).toContain('<audio src="text-to-speech.wav"');
  expect(text).not.toMatch(/(?:src|href)="(?:https?:|\/\/|\/)|<script|url\(/);
});

test("what a model says is text, never markup", () => {
  const { shown } = exhibition();
  const text = page({ shown, missed: [], orchestrators: [], gateway: "http://g/<i>" });
  expect(text).toContain("a &lt;b&gt;star&lt;/b&gt;");
  expect(text).not.toContain("<b>star");
  expect(text).not.toContain("<i>");
});

test("what failed stands on the page with its reason, and what would work on it is not sent", () => {
  const [drawing, changing] = demonstrations;
  if (drawing === undefined || changing === undefined) throw new RangeError("nothing is shown");
  expect(
    page({ shown: [], missed: [{ demonstration: drawing, reason: "no & no" }], orchestrators: [], gateway: "" }),
  ).toContain("no &amp; no");
  expect(filesToSend(changing, new Map())).toBeUndefined();
  expect(filesToSend(changing, new Map([["text-to-image", answerOf("text-to-image")]]))?.get("image")).toMatchObject({
    contentType: "image/png",
  });
});
