/**
 * Measures one model: `pipeline-probe.ts PIPELINE DIRECTORY MODEL-ID SECONDS THREADS DEFAULTS`, in a process that does nothing else,
 * so that its start, its memory and its time are those of a model host. Prints one line of JSON, a `Measured`.
 */

import { encodePng, encodeWav, probeFiles } from "@rivulet/media";
import { secureRandomness, systemClock } from "@rivulet/node";
import {
  findPipeline,
  type MediaFile,
  type MediaKind,
  type Pipeline,
  parseRequest,
  resolveRequest,
  workOf,
} from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { implementations, type LoadContext, type LoadedModel } from "@rivulet/runner";
import { InferenceSession } from "onnxruntime-node";
import { libraryWriter } from "./library-writer.ts";

export interface Measured {
  /** From the start of the process until the model is loaded, and then until it has answered. Milliseconds. */
  readonly loadMs: number;
  readonly firstMs: number;
  /** With a picture or a sound that was never seen before, each time. */
  readonly fresh: Runs;
  /** With the same one again and again: of models that keep what they found in it. */
  readonly repeated?: Runs;
  /** Units of work a second, as they are billed. */
  readonly unit: string;
  readonly perSecond: number;
  readonly peakMiB: number;
  /** Where there are steps: one of them, and the run of the denoising graph that it is there for. */
  readonly step?: { readonly ms: number; readonly bareMs: number };
  /** Where text is written token by token: tokens a second, and what the library for it writes by itself. */
  readonly tokens?: { readonly perSecond: number; readonly libraryPerSecond: number };
}

export interface Runs {
  readonly runs: number;
  readonly ms: number;
  /** The part of `ms` that the runtime took. */
  readonly insideMs: number;
}

/** Sound that is heard, and a picture's side. */
const [SOUND_SECONDS, RATE, SIDE] = [5, 16_000, 256];
const STEPS = { few: 2, many: 6 } as const;
const TOKENS = 48;

const [name = "", directory = "", model = "", seconds = "2", threads = "1", defaults = "{}"] = process.argv.slice(2);

/** Every run of the runtime in this process, whoever asked for it. */
const inside = { ms: 0, runs: 0, byInputs: new Map<string, { ms: number; again: () => Promise<unknown> }>() };
type Run = (
  this: InferenceSession,
  ...args: Parameters<InferenceSession["run"]>
) => ReturnType<InferenceSession["run"]>;
// The library tells of its sessions only what they do; they are of one class.
const sessions: { run: Run } = Reflect.get(InferenceSession, "prototype");
const bare = sessions.run;
Object.assign(sessions, {
  async run(this: InferenceSession, ...args: Parameters<InferenceSession["run"]>) {
    const begin = performance.now();
    try {
      return await bare.apply(this, args);
    } finally {
      const took = performance.now() - begin;
      inside.ms += took;
      inside.runs += 1;
      const key = this.inputNames.join();
      inside.byInputs.set(key, {
        ms: (inside.byInputs.get(key)?.ms ?? 0) + took,
        again: () => bare.apply(this, args),
      });
    }
  },
});

async function measured(pipeline: Pipeline): Promise<Measured> {
  const { load } = implementations[pipeline.name as keyof typeof implementations] as unknown as Loading;
  const context = { directory, model, threads: Number(threads), log: silentLogger, onProgress: () => {} };
  const loaded = await load(context);
  const loadMs = performance.now();
  let turn = 0;
  const job = async (changes: object = {}) => {
    const media = await mediaOf(pipeline, turn++);
    return done(pipeline, loaded, media, { ...wordsOf(pipeline, turn), ...changes });
  };
  const first = await job();
  const fresh = await steady(job);
  const media = await mediaOf(pipeline, turn++);
  const again = () => done(pipeline, loaded, media, {});
  const isKept = Object.keys(media).length > 0 && (await runsLess(again));
  return {
    loadMs,
    firstMs: first.ms,
    fresh,
    ...(isKept ? { repeated: await steady(again) } : {}),
    unit: pipeline.unit,
    perSecond: (first.work * fresh.runs) / (fresh.ms / 1000),
    peakMiB: process.resourceUsage().maxRSS / 1024,
    ...("num_inference_steps" in pipeline.request.shape && first.steps > 0 ? { step: await step(job) } : {}),
    ...("max_tokens" in pipeline.request.shape ? await compared(job) : {}),
  };
}

/** Whether the runtime has less to do the second time. */
async function runsLess(job: () => Promise<Done>): Promise<boolean> {
  const { runs } = await job();
  return (await job()).runs < runs;
}

async function steady(job: () => Promise<Done>): Promise<Runs> {
  const before = inside.ms;
  let [runs, ms] = [0, 0];
  await forAWhile(async () => {
    ms += (await job()).ms;
    runs += 1;
  });
  return { runs, ms, insideMs: inside.ms - before };
}

/** As often as the time for it allows, and at least once: what takes minutes is not noise. */
async function forAWhile(once: () => Promise<void>): Promise<void> {
  const until = performance.now() + Number(seconds) * 1000;
  do await once();
  while (performance.now() < until);
}

interface Loading {
  load(context: LoadContext): Promise<AnyModel>;
}

interface AnyModel {
  readonly example?: LoadedModel<never>["example"];
  run(request: object, context: object): Promise<unknown>;
}

interface Done {
  readonly ms: number;
  readonly work: number;
  readonly steps: number;
  /** Of the runtime. */
  readonly runs: number;
  readonly answer: unknown;
}

async function done(
  pipeline: Pipeline,
  loaded: AnyModel,
  media: Readonly<Record<string, MediaFile>>,
  changes: object,
): Promise<Done> {
  const fields = { ...pipeline.example, ...JSON.parse(defaults), ...loaded.example, ...changes };
  const known = Object.entries(fields).filter(([field]) => field in pipeline.request.shape);
  const probes = probeFiles(pipeline.media, media);
  const parsed = parseRequest(pipeline, Object.fromEntries(known));
  const request = resolveRequest(pipeline, parsed, probes, secureRandomness);
  let steps = 0;
  const before = inside.runs;
  const begin = performance.now();
  const answer = await loaded.run(request, {
    media,
    signal: new AbortController().signal,
    randomness: secureRandomness,
    clock: systemClock,
    onProgress: ({ kind }: { readonly kind: string }) => void (steps += kind === "step" ? 1 : 0),
  });
  const ms = performance.now() - begin;
  const work = Number(workOf(pipeline, request, probes).amount);
  return { ms, work, steps, runs: inside.runs - before, answer };
}

/** What one more step costs, and one run of the graph that took most of the time. The two take turns. */
async function step(
  job: (changes: object) => Promise<Done>,
): Promise<{ readonly ms: number; readonly bareMs: number }> {
  let [ms, steps, bareMs] = [0, 0, 0];
  await forAWhile(async () => {
    const few = await job({ num_inference_steps: STEPS.few });
    inside.byInputs.clear();
    const many = await job({ num_inference_steps: STEPS.many });
    ms += many.ms - few.ms;
    steps += many.steps - few.steps;
    const [denoiser] = [...inside.byInputs.entries()]
      .filter(([inputs]) => inputs.includes("timestep"))
      .map(([, run]) => run);
    const begin = performance.now();
    for (let i = few.steps; i < many.steps; i++) await denoiser?.again();
    bareMs += performance.now() - begin;
  });
  return { ms: ms / steps, bareMs: bareMs / steps };
}

/** Nothing, of a model that the library cannot run. */
async function compared(job: Parameters<typeof tokens>[0]): Promise<Pick<Measured, "tokens">> {
  try {
    return { tokens: await tokens(job) };
  } catch (error) {
    console.error(`not compared with the library: ${error instanceof Error ? error.message : error}`);
    return {};
  }
}

/** Tokens a second of this runner and of the library alone. The two take turns. */
async function tokens(job: (changes: object) => Promise<Done>): Promise<NonNullable<Measured["tokens"]>> {
  const library = await libraryWriter(directory);
  const asked = { max_tokens: TOKENS, temperature: 0 };
  await Promise.all([job(asked), library.write(messagesOf(0), TOKENS)]);
  // Those of the jobs before count up.
  let turn = 0;
  const [ours, theirs] = [
    { ms: 0, tokens: 0 },
    { ms: 0, tokens: 0 },
  ];
  await forAWhile(async () => {
    const messages = messagesOf(--turn);
    const { ms, answer } = await job({ ...asked, messages });
    ours.ms += ms;
    ours.tokens += (answer as { usage: { completion_tokens: number } }).usage.completion_tokens;
    const begin = performance.now();
    theirs.tokens += await library.write(messages, TOKENS);
    theirs.ms += performance.now() - begin;
  });
  return { perSecond: (ours.tokens * 1000) / ours.ms, libraryPerSecond: (theirs.tokens * 1000) / theirs.ms };
}

/** Another conversation each `turn`: what was read lately is not read again. */
function wordsOf({ request }: Pipeline, turn: number): object {
  return "messages" in request.shape ? { messages: messagesOf(turn) } : {};
}

function messagesOf(turn: number): readonly { readonly role: string; readonly content: string }[] {
  return [{ role: "user", content: `${turn}: tell me all that you know.` }];
}

/** Each `turn` gives another one. */
const samples: { readonly [K in MediaKind]: (turn: number) => Promise<Uint8Array> } = {
  image: (turn) => {
    const data = new Uint8Array(SIDE * SIDE * 3);
    for (let i = 0; i < data.length; i++) data[i] = (i / 3 + Math.floor(i / SIDE / 3) * turn) % SIDE;
    return encodePng({ width: SIDE, height: SIDE, data });
  },
  audio: async (turn) => {
    const wave = (i: number) => 0.4 * Math.sin(i * 0.1 + 3 * Math.sin(i * 0.0004 + turn));
    return encodeWav(
      Float32Array.from({ length: SOUND_SECONDS * RATE }, (_, i) => wave(i)),
      RATE,
    );
  },
};

async function mediaOf(pipeline: Pipeline, turn: number): Promise<Readonly<Record<string, MediaFile>>> {
  const fields = Object.entries(pipeline.media).map(async ([field, kind]) => {
    const bytes = await samples[kind](turn);
    return [field, { bytes, filename: field, contentType: "application/octet-stream" }] as const;
  });
  return Object.fromEntries(await Promise.all(fields));
}

const found = findPipeline(name);
if (found === undefined) throw new Error(`no pipeline ${name}`);
process.stdout.write(`${JSON.stringify(await measured(found))}\n`);
