import type { LocalOrchestrator, LocalPayment } from "@rivulet/node";
import type { PipelineName } from "@rivulet/pipelines";
import { Rational } from "@rivulet/primitives";
import { readableWei, weiOf } from "../amounts.ts";
import type { Answer } from "./ask.ts";
import { curlLine } from "./curl.ts";
import type { Demonstration } from "./demonstration.ts";
import type { ResultKind, SavedFile } from "./results.ts";
import { paidText, seconds, tookText } from "./story.ts";

/** A demonstration that was done. */
export interface Shown {
  readonly demonstration: Demonstration;
  readonly answer: Answer;
  readonly payment?: LocalPayment | undefined;
  readonly saved: readonly SavedFile[];
}

/** One that failed, with the reason. */
export interface Missed {
  readonly demonstration: Demonstration;
  readonly reason: string;
}

export interface Page {
  readonly shown: readonly Shown[];
  readonly missed: readonly Missed[];
  readonly orchestrators: readonly LocalOrchestrator[];
  readonly gateway: string;
}

/**
 * What the network did, as a page that lies in the folder of the results: it needs no server, no network and no script,
 * and follows the reader's choice of light or dark.
 */
export function page({ shown, missed, orchestrators, gateway }: Page): string {
  const bySource = new Map(shown.map((each) => [each.demonstration.pipeline, each] as const));
  const nameOf = (address: string) => orchestrators.find((each) => each.address === address)?.name ?? address;
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rivulet: what the network did</title>
<style>${raw(STYLE)}</style>
<header>
<h1>What the network did</h1>
<p>${summary(shown)}</p>
<ul class="nodes">
<li><b>gateway</b> <code>${gateway}</code></li>
${orchestrators.map(({ name, address, how }) => html`<li><b>orchestrator ${name}</b> <code>${address}</code> ${how}</li>\n`)}</ul>
</header>
<main>
${shown.map((each) => card(each, bySource, gateway, nameOf))}${missed.map(missedCard)}</main>
<footer>Made on one machine by the starter models of <b>Rivulet</b>: drawn, said and answered by the network that is described above.</footer>
</html>
`.text;
}

type Sources = ReadonlyMap<PipelineName, Shown>;

function summary(shown: readonly Shown[]): string {
  const took = seconds(shown.reduce((sum, { answer }) => sum + answer.tookMs, 0));
  const jobs = shown.length === 1 ? "One job" : `${shown.length} jobs`;
  const payments = shown.flatMap(({ payment }) => (payment === undefined ? [] : [payment]));
  if (payments.length === 0) return `${jobs} in ${took}, for nothing: this network is off-chain.`;
  const fees = payments.reduce((sum, { fee }) => sum.plus(weiOf(fee)), Rational.ZERO);
  const tickets = payments.reduce((sum, each) => sum + each.tickets, 0);
  return `${jobs} in ${took}, paid with ${readableWei(fees)} in ${tickets === 1 ? "one ticket" : `${tickets} tickets`}.`;
}

function card(shown: Shown, sources: Sources, gateway: string, nameOf: (address: string) => string): Html {
  const { demonstration, answer, payment, saved } = shown;
  const { pipeline, title, subject, fields, files } = demonstration;
  const inputs = Object.values(files).flatMap((source) => sources.get(source)?.saved.slice(0, 1) ?? []);
  const paths = new Map(
    Object.entries(files).map(([field, source]) => [field, sources.get(source)?.saved[0]?.path ?? ""] as const),
  );
  return html`<article id="${pipeline}">
<h2>${title} <code>${pipeline}</code></h2>
${subject === undefined ? [] : html`<p class="subject">“${subject}”</p>\n`}<div class="stage">
${inputs.map((input) => html`<figure class="from">${media(input, input)}<figcaption>${input.name}</figcaption></figure>\n`)}${saved.map(
  (file) =>
    html`<figure>${media(file, inputs[0], answer.words)}<figcaption><a href="${file.name}">${file.name}</a></figcaption></figure>\n`,
)}</div>
<dl>
${Object.entries(fields).map(([name, value]) => row(name, typeof value === "string" ? value : JSON.stringify(value)))}${
  answer.seed === undefined ? [] : row("seed", `${answer.seed}`)
}${row("took", tookText(answer))}${row("by", `orchestrator ${nameOf(answer.orchestrator)}`)}${
  payment === undefined ? [] : row("paid", paidText(payment, demonstration))
}${(payment?.redeemed ?? []).map(({ faceValue, gasCost }) =>
  row("won", `a ticket for ${readableWei(faceValue)}, redeemed for gas of ${readableWei(gasCost)}`),
)}</dl>
<pre>${curlLine(gateway, demonstration, fields, paths)}</pre>
</article>
`;
}

const row = (name: string, value: string) => html`<dt>${name}</dt><dd>${value}</dd>\n`;

function missedCard({ demonstration: { title, pipeline }, reason }: Missed): Html {
  return html`<article class="missed" id="${pipeline}"><h2>${title} <code>${pipeline}</code></h2><p>${reason}</p></article>\n`;
}

/** How each kind of result is shown: `under` is what an outline is laid over. */
const MEDIA: Readonly<Record<ResultKind, (name: string, under: SavedFile | undefined, words: string) => Html>> = {
  picture: (name) => html`<img src="${name}" alt="${name}">`,
  clip: (name) => html`<video src="${name}" controls autoplay loop muted playsinline></video>`,
  sound: (name) => html`<audio src="${name}" controls></audio>`,
  text: (_name, _under, words) => html`<blockquote>${words}</blockquote>`,
  outline: (name, under) =>
    html`<span class="layers">${under === undefined ? [] : html`<img src="${under.name}" alt="">`}<img src="${name}" alt="${name}"></span>`,
};

function media({ kind, name }: SavedFile, under: SavedFile | undefined, words = ""): Html {
  return MEDIA[kind](name, under, words);
}

const STYLE = `
:root { --ground: #f6f7f9; --card: #fff; --ink: #1b1f24; --soft: #626b76; --line: #e1e5ea; --accent: #0b6bcb; --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0f1216; --card: #181c22; --ink: #e8ecf1; --soft: #97a1ad; --line: #2a3038; --accent: #6db3ff; --bad: #ff8a80 }
}
* { box-sizing: border-box }
body { margin: 0; padding: 2.5rem clamp(1rem, 4vw, 4rem); background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
header, footer { max-width: 86rem; margin: 0 auto 2rem }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.02em }
header p { font-size: 1.1rem; margin: 0 0 1rem; color: var(--soft) }
.nodes { list-style: none; margin: 0; padding: 0; color: var(--soft); font-size: .9rem }
.nodes b { color: var(--ink); font-weight: 600 }
main { max-width: 86rem; margin: 0 auto; display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)) }
article { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.25rem; display: flex; flex-direction: column; gap: 1rem; min-width: 0 }
h2 { font-size: 1.15rem; margin: 0; display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: .25rem 1rem }
h2 code { color: var(--accent); font-size: .8rem; font-weight: 400 }
code, pre { font-family: ui-monospace, "Cascadia Code", Menlo, Consolas, monospace }
.subject { margin: -.5rem 0 0; color: var(--soft) }
.stage { display: flex; flex: 1; gap: .75rem; align-items: center; min-height: 14rem; justify-content: center }
figure { margin: 0; min-width: 0; flex: 0 1 14rem; text-align: center }
figure.from { flex: 0 1 6.5rem; opacity: .85 }
.stage:has(.from audio) { flex-wrap: wrap; align-content: center }
figure.from:has(audio) { flex: 1 0 100% }
figure:has(blockquote), figure:not(.from):has(audio) { flex: 1 1 14rem; align-self: center }
figcaption { font-size: .75rem; color: var(--soft); margin-top: .35rem; overflow-wrap: anywhere }
figcaption a { color: inherit }
img, video { display: block; width: 100%; height: auto; border-radius: 8px; border: 1px solid var(--line) }
audio { width: 100% }
.layers { display: block; position: relative }
.layers img + img { position: absolute; inset: 0; height: 100% }
blockquote { margin: 0; font-size: 1.25rem; line-height: 1.35; text-align: left; overflow-wrap: anywhere; padding-left: 1rem; border-left: 3px solid var(--accent) }
dl { margin: 0; display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; font-size: .875rem }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
pre { margin: 0; padding: .75rem; border-radius: 8px; background: var(--ground); font-size: .75rem; white-space: pre-wrap; overflow-wrap: anywhere }
.missed { border-color: var(--bad) }
.missed p { color: var(--bad); margin: 0; overflow-wrap: anywhere }
footer { margin: 2rem auto 0; color: var(--soft); font-size: .85rem }
`;

/** Text that is markup already. */
class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | Html | readonly Html[];

/** Markup in which every other text is text and nothing else. */
function html(pieces: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(pieces.reduce((text, piece, i) => text + markup(parts[i - 1] ?? "") + piece));
}

function markup(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "string") return escaped(part);
  return part.map(({ text }) => text).join("");
}

function raw(text: string): Html {
  return new Html(text);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}
