import { getHeapStatistics } from "node:v8";
import type { ErrorCode, Milliseconds, WorkUnit } from "@rivulet/primitives";
import type { PooledModel, PoolModel, PoolObserver } from "./pooled-model.ts";
import { RUNNER_COMPATIBILITY_VERSION, RUNNER_VERSION } from "./version.ts";

type Labels = Readonly<Record<string, string>>;
type Kind = "counter" | "gauge" | "histogram";

/** Upper bounds in seconds, from a tiny picture on a fast card to a long video on a slow processor. */
const SECONDS_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 180, 600];

/** How metric names end in a unit of work. */
const unitNames = {
  pixel: "pixels",
  "audio-ms": "audio_milliseconds",
  token: "tokens",
  millicharacter: "millicharacters",
  second: "seconds",
} as const satisfies Readonly<Record<WorkUnit, string>>;

/** Numbers under one name, one per set of labels. Labels come from configuration and code tables: they are bounded. */
class Family {
  readonly #values = new Map<string, number>();

  add(labels: Labels, amount = 1): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  lines(name: string): string[] {
    return [...this.#values].map(([labels, value]) => `${name}${labels} ${value}`);
  }
}

/** How long things took: how many within each bound, how many in all, and their sum. */
class Seconds {
  readonly #buckets = new Family();
  readonly #sum = new Family();
  readonly #count = new Family();

  observe(labels: Labels, milliseconds: number): void {
    const seconds = milliseconds / 1000;
    for (const le of SECONDS_BUCKETS) this.#buckets.add({ ...labels, le: String(le) }, seconds <= le ? 1 : 0);
    this.#buckets.add({ ...labels, le: "+Inf" });
    this.#sum.add(labels, seconds);
    this.#count.add(labels);
  }

  lines(name: string): string[] {
    return [
      ...this.#buckets.lines(`${name}_bucket`),
      ...this.#sum.lines(`${name}_sum`),
      ...this.#count.lines(`${name}_count`),
    ];
  }
}

/**
 * What a runner counts, and its text for Prometheus. Source for the `version` gauge: runner-and-models 1.1.
 */
export class RunnerMetrics implements PoolObserver {
  readonly #jobs = new Family();
  readonly #jobSeconds = new Seconds();
  readonly #waitSeconds = new Seconds();
  readonly #loadSeconds = new Seconds();
  readonly #loadFailures = new Family();
  readonly #evictions = new Family();
  readonly #crashes = new Family();
  /** By the unit of the pipeline, which is part of the name: amounts of different units have no sum. */
  readonly #work = new Map<WorkUnit, Family>();

  /** A job has ended: `ok`, or the code of its error. */
  jobEnded(model: PoolModel, status: "ok" | ErrorCode): void {
    this.#jobs.add({ ...labelsOf(model), status });
  }

  /** A job was done: its time in the model, its time in the queue (loading included), and what it amounts to. */
  jobDone(model: PoolModel, inferenceMs: number, waitMs: number, amount: bigint): void {
    this.#jobSeconds.observe(labelsOf(model), inferenceMs);
    this.#waitSeconds.observe(labelsOf(model), waitMs);
    const { unit } = model.pipeline;
    const done = this.#work.get(unit) ?? new Family();
    this.#work.set(unit, done);
    done.add(labelsOf(model), Number(amount));
  }

  loaded(model: PoolModel, took: Milliseconds): void {
    this.#loadSeconds.observe(labelsOf(model), took);
  }

  loadFailed(model: PoolModel): void {
    this.#loadFailures.add(labelsOf(model));
  }

  evicted(model: PoolModel): void {
    this.#evictions.add(labelsOf(model));
  }

  crashed(model: PoolModel): void {
    this.#crashes.add(labelsOf(model));
  }

  /** The text of everything, with the present state of `models`. */
  text(models: readonly PooledModel[]): string {
    const now = (name: string, help: string, value: (model: PooledModel) => number) =>
      family(name, "gauge", help, [
        ...models.map((model) => `${name}${labelText(labelsOf(model.config))} ${value(model)}`),
      ]);
    const counted = (name: string, help: string, values: Family) => family(name, "counter", help, values.lines(name));
    const timed = (name: string, help: string, values: Seconds) => family(name, "histogram", help, values.lines(name));
    const alone = (name: string, kind: Kind, help: string, value: number) =>
      family(name, kind, help, [`${name} ${value}`]);
    const { user, system } = process.cpuUsage();
    return [
      family("version", "gauge", "Versions of this software", [
        `version${labelText({ app: "ai-runner", version: RUNNER_COMPATIBILITY_VERSION })} 1`,
        `version${labelText({ app: "rivulet-runner", version: RUNNER_VERSION })} 1`,
      ]),
      counted("runner_jobs_total", "Jobs that ended, by how", this.#jobs),
      ...[...this.#work].map(([unit, amounts]) =>
        counted(`runner_work_${unitNames[unit]}_total`, "Work done", amounts),
      ),
      timed("runner_inference_seconds", "Time of a job in its model", this.#jobSeconds),
      timed("runner_wait_seconds", "Time of a job before it began, loading included", this.#waitSeconds),
      timed("runner_load_seconds", "Time to bring a model into memory and see it work", this.#loadSeconds),
      counted("runner_load_failures_total", "Models that could not be loaded", this.#loadFailures),
      counted("runner_evictions_total", "Models unloaded", this.#evictions),
      counted("runner_crashes_total", "Model processes that ended by themselves", this.#crashes),
      now("runner_queue_jobs", "Jobs that wait now", (model) => model.waiting),
      now("runner_running_jobs", "Jobs that run now", (model) => model.running),
      now("runner_resident_bytes", "Memory that is the model's", (model) => model.heldBytes),
      now("runner_ready_models", "1 when the model is in memory and works", (model) => Number(model.state === "ready")),
      alone("process_resident_memory_bytes", "gauge", "Memory of this process", process.memoryUsage.rss()),
      alone("nodejs_heap_used_bytes", "gauge", "JavaScript heap in use", getHeapStatistics().used_heap_size),
      alone("process_cpu_seconds_total", "counter", "Processor time of this process", (user + system) / 1e6),
      alone("process_uptime_seconds", "gauge", "Since this process began", process.uptime()),
      "",
    ].join("\n");
  }
}

function family(name: string, kind: Kind, help: string, lines: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines].join("\n");
}

function labelsOf(model: PoolModel): Labels {
  return { pipeline: model.pipeline.name, model: model.model };
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/["\\\n]/g, escaped)}"`);
  return `{${pairs.join(",")}}`;
}

function escaped(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}
