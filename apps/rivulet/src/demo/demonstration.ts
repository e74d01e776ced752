import type { PipelineName } from "@rivulet/pipelines";

/** What the demonstration asks of a pipeline, and what to try next. */
export interface Demonstration {
  readonly pipeline: PipelineName;
  /** The request as an application would write it. */
  readonly request: Readonly<Record<string, unknown>>;
  /** How the story names it. */
  readonly title: string;
  /** Another request, for the curl line. */
  readonly next: Readonly<Record<string, unknown>>;
}

/** The pipelines whose starter models are shown, in this order. */
export const demonstrations: readonly Demonstration[] = [
  {
    pipeline: "text-to-image",
    request: { prompt: "a large red circle on a blue background" },
    title: '"a large red circle on a blue background"',
    next: { prompt: "a small green square on a white background" },
  },
];
