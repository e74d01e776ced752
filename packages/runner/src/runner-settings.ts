import { isPipelineName } from "@rivulet/pipelines";
import { modelId, ms, RivuletError } from "@rivulet/primitives";
import type { Peer } from "./http/answers.ts";
import type { RunnerServerOptions } from "./http/server.ts";
import type { EngineOptions } from "./implementation.ts";
import type { RunnerModel, RunnerOptions } from "./runner.ts";

/** What a runner process is told: plain JSON, durations in milliseconds. */
export interface RunnerSettings {
  readonly models: readonly {
    readonly pipeline: string;
    readonly model: string;
    readonly directory?: string;
    readonly slots?: number;
    readonly warm?: boolean;
  }[];
  readonly modelDirectories?: readonly string[];
  readonly memoryBytes?: number;
  readonly threads?: number;
  /** How models are run; what is left out is the engine's default. */
  readonly engine?: Omit<EngineOptions, "scheduler">;
  readonly queueLimit?: number;
  readonly idleUnloadMs?: number;
  readonly timeoutLoadMs?: number;
  /** `127.0.0.1` when left out. */
  readonly host?: string;
  /** 0, any free port, when left out. */
  readonly port?: number;
  readonly authToken?: string;
  readonly peer?: Peer;
  readonly verbose?: boolean;
  /** Address of a module that exports `implementations`, in place of the built-in pipelines. */
  readonly implementations?: string;
}

/** The same, checked and in the program's own terms. */
export interface CompiledSettings {
  readonly runner: RunnerOptions;
  readonly server: RunnerServerOptions;
  readonly verbose: boolean;
  readonly implementations: string | undefined;
}

/** Checks settings. Throws `config.invalid` with every problem found. */
export function compileSettings(value: unknown): CompiledSettings {
  const settings = new Fields(value);
  const runner = {
    models: settings.list("models", (entry): RunnerModel => {
      const pipeline = entry.text("pipeline") ?? "";
      if (!isPipelineName(pipeline))
        throw entry.problem("pipeline", `no pipeline is called ${JSON.stringify(pipeline)}`);
      const model = entry.text("model") ?? "";
      if (model === "") throw entry.problem("model", "must name a model");
      return {
        pipeline,
        model: modelId(model),
        ...present("directory", entry.text("directory")),
        ...present("slots", entry.count("slots", 1)),
        ...present("warm", entry.truth("warm")),
      };
    }),
    modelDirectories: settings.texts("modelDirectories") ?? [],
    ...present("memoryBytes", settings.count("memoryBytes", 1)),
    ...present("threads", settings.count("threads", 1)),
    ...present("engine", settings.part("engine", engineOf)),
    ...present("queueLimit", settings.count("queueLimit", 1)),
    ...present("idleUnload", settings.duration("idleUnloadMs")),
    ...present("timeoutLoad", settings.duration("timeoutLoadMs")),
  };
  if (runner.models.length === 0) throw settings.problem("models", "must name at least one model");
  return {
    runner,
    server: {
      host: settings.text("host") ?? "127.0.0.1",
      port: settings.count("port", 0) ?? 0,
      peer: settings.choice("peer", ["rivulet", "published-worker"]) ?? "rivulet",
      ...present("authToken", settings.text("authToken")),
    },
    verbose: settings.truth("verbose") ?? false,
    implementations: settings.text("implementations"),
  };
}

function engineOf(engine: Fields): EngineOptions {
  return {
    ...present("providers", engine.texts("providers")),
    ...present("seedMode", engine.choice("seedMode", ["cuda", "cpu"])),
    ...present("safety", engine.choice("safety", ["required", "best-effort"])),
  };
}

/** The variables that workers of the published software set. Source: runner-and-models 2.4. */
export function settingsFromEnvironment(env: Readonly<Record<string, string | undefined>>): RunnerSettings {
  const text = (name: string) => (env[name] === "" ? undefined : env[name]);
  return {
    models: [{ pipeline: text("PIPELINE") ?? "", model: text("MODEL_ID") ?? "", warm: true }],
    modelDirectories: [text("MODEL_DIR") ?? `${text("HOME") ?? "."}/.lpData/models`],
    host: text("HOST") ?? "0.0.0.0",
    port: Number(text("PORT") ?? 8000),
    peer: "published-worker",
    verbose: text("VERBOSE_LOGGING") === "1",
    ...present("authToken", text("AUTH_TOKEN")),
  };
}

function present<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}

/** Reads fields of a JSON object and says what is wrong with them by their path. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path = "") {
    this.#path = path;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new RivuletError("config.invalid", {
        problems: [{ path: path || "settings", message: "must be an object" }],
      });
    this.#fields = Object.fromEntries(Object.entries(value));
  }

  problem(name: string, message: string): RivuletError {
    const path = this.#path === "" ? name : `${this.#path}.${name}`;
    return new RivuletError("config.invalid", { problems: [{ path, message }] });
  }

  text(name: string): string | undefined {
    return this.#of(name, "a text", (value) => typeof value === "string");
  }

  truth(name: string): boolean | undefined {
    return this.#of(name, "true or false", (value) => typeof value === "boolean");
  }

  choice<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const isChoice = (value: unknown): value is T => choices.some((choice) => choice === value);
    return this.#of(name, choices.join(" or "), isChoice);
  }

  part<T>(name: string, read: (part: Fields) => T): T | undefined {
    const value = this.#fields[name];
    return value === undefined ? undefined : read(new Fields(value, name));
  }

  count(name: string, least: number): number | undefined {
    const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= least;
    return this.#of(name, `a whole number of at least ${least}`, isCount);
  }

  duration(name: string) {
    const value = this.count(name, 0);
    return value === undefined ? undefined : ms(value);
  }

  texts(name: string): readonly string[] | undefined {
    const isTexts = (value: unknown): value is string[] =>
      Array.isArray(value) && value.every((entry) => typeof entry === "string");
    return this.#of(name, "a list of texts", isTexts);
  }

  list<T>(name: string, read: (entry: Fields) => T): readonly T[] {
    const entries = this.#of(name, "a list", (value): value is unknown[] => Array.isArray(value)) ?? [];
    return entries.map((entry, index) => read(new Fields(entry, `${name}[${index}]`)));
  }

  #of<T>(name: string, what: string, isIt: (value: unknown) => value is T): T | undefined {
    const value = this.#fields[name];
    if (value === undefined || isIt(value)) return value;
    throw this.problem(name, `must be ${what}`);
  }
}
