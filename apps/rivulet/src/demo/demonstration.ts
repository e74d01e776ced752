import {
  audioToText,
  imageToImage,
  imageToText,
  imageToVideo,
  llm,
  type PipelineName,
  type ResultFile,
  segmentAnything2,
  textToImage,
  textToSpeech,
  upscale,
} from "@rivulet/pipelines";
import type { WorkUnit } from "@rivulet/primitives";
import { outline } from "./outline.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What the demonstration asks of a pipeline, what it makes of the answer, and what to try next. */
export interface Demonstration {
  readonly pipeline: PipelineName;
  readonly unit: WorkUnit;
  /** What is done, for people: "Draw a picture". */
  readonly title: string;
  /** What it is done to, in words, where it is words: what is to be drawn, said or answered. */
  readonly subject: string | undefined;
  /** The fields of the request as an application would write them, files apart. */
  readonly fields: Fields;
  /** For each field that takes a file, the pipeline whose result is sent. */
  readonly files: Readonly<Record<string, PipelineName>>;
  /** Other fields, for the line to try. */
  readonly next: Fields;
  /** Reads an answer. Throws when it is not one. */
  read(body: unknown): Reading;
}

/** What an answer holds, for people. */
export interface Reading {
  readonly files: readonly ResultFile[];
  readonly seed?: number | undefined;
  /** The answer in words, where it is words. */
  readonly words?: string | undefined;
  /** An SVG to be laid over the picture that was sent. */
  readonly outline?: string | undefined;
}

/** As much of a pipeline's definition as a demonstration needs, with the type of its answers. */
interface Answering<Response> {
  readonly name: PipelineName;
  readonly unit: WorkUnit;
  readonly response: { parse(body: unknown): Response };
  files(response: Response): readonly ResultFile[];
}

interface About<Response> {
  readonly title: string;
  readonly subject?: string;
  readonly fields: Fields;
  readonly files?: Demonstration["files"];
  readonly next?: Fields;
  words?(response: Response): string | undefined;
  outline?(response: Response): string;
  seed?(response: Response): number | undefined;
}

function demonstration<Response>(pipeline: Answering<Response>, about: About<Response>): Demonstration {
  const { title, subject, fields, files = {}, next = fields } = about;
  return {
    pipeline: pipeline.name,
    unit: pipeline.unit,
    title,
    subject,
    fields,
    files,
    next,
    read: (body) => {
      const response = pipeline.response.parse(body);
      return {
        files: pipeline.files(response),
        seed: about.seed?.(response),
        words: about.words?.(response)?.trim(),
        outline: about.outline?.(response),
      };
    },
  };
}

const seed = ({ images }: { readonly images: readonly { readonly seed: number }[] }) => images[0]?.seed;

const [CIRCLE, STAR] = ["a large red circle on a blue background", "a large yellow star on a blue background"];
const SENTENCE = "the gateway sends a picture";
const QUESTION = "What is Rivulet?";

/** What is shown, in this order. What works on a result stands behind what makes it. */
export const demonstrations: readonly Demonstration[] = [
  demonstration(textToImage, {
    title: "Draw a picture",
    subject: CIRCLE,
    fields: { prompt: CIRCLE },
    next: { prompt: "a small green square on a white background" },
    seed,
  }),
  demonstration(imageToImage, {
    title: "Change it",
    subject: STAR,
    files: { image: "text-to-image" },
    fields: { prompt: STAR },
    next: { prompt: "a large green triangle on a blue background" },
    seed,
  }),
  demonstration(imageToText, {
    title: "Say what it shows",
    files: { image: "image-to-image" },
    fields: {},
    words: ({ text }) => text,
  }),
  demonstration(segmentAnything2, {
    title: "Find its outline from one point",
    files: { image: "text-to-image" },
    fields: {
      point_coords: "[[128, 128]]",
      point_labels: "[1]",
      multimask_output: false,
      return_logits: false,
    },
    outline: ({ masks }) => outline(JSON.parse(masks)),
  }),
  demonstration(upscale, {
    title: "Make it four times as large",
    files: { image: "text-to-image" },
    fields: { prompt: CIRCLE },
    seed,
  }),
  demonstration(imageToVideo, {
    title: "Make it move",
    files: { image: "text-to-image" },
    fields: {},
    seed,
  }),
  demonstration(textToSpeech, {
    title: "Say a sentence",
    subject: SENTENCE,
    fields: { text: SENTENCE },
    next: { text: "hello this is rivulet" },
  }),
  demonstration(audioToText, {
    title: "Write down what was said",
    files: { audio: "text-to-speech" },
    fields: {},
    words: ({ text }) => text,
  }),
  demonstration(llm, {
    title: "Ask a question",
    subject: QUESTION,
    fields: { messages: [{ role: "user", content: QUESTION }], temperature: 0 },
    next: { messages: [{ role: "user", content: "What is 3 plus 4?" }], temperature: 0 },
    words: ({ choices }) => choices[0]?.message?.content,
  }),
];

/** A demonstration with those whose results it works on, at any remove, in the order they are shown. */
export function withSources(pipeline: PipelineName, all: readonly Demonstration[]): readonly Demonstration[] {
  const wanted = new Set<PipelineName>([pipeline]);
  for (const { pipeline: name, files } of all.toReversed())
    if (wanted.has(name)) for (const source of Object.values(files)) wanted.add(source);
  return all.filter(({ pipeline: name }) => wanted.has(name));
}

/** Those for which there is a model, and one for everything they work on. */
export function possible(
  all: readonly Demonstration[],
  has: (pipeline: PipelineName) => boolean,
): readonly Demonstration[] {
  const found: Demonstration[] = [];
  for (const each of all) {
    const sources = Object.values(each.files);
    if (has(each.pipeline) && sources.every((source) => found.some(({ pipeline }) => pipeline === source)))
      found.push(each);
  }
  return found;
}
