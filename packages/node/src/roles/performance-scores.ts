import { type Address, address } from "@rivulet/crypto";
import {
  type Clock,
  codeOf,
  type Logger,
  type Milliseconds,
  minutes,
  RivuletError,
  readTextWithin,
  type Startable,
  seconds,
} from "@rivulet/primitives";

export interface PerformanceScoresOptions {
  readonly url: string;
  /** The only region whose scores count. */
  readonly region: string;
}

export interface PerformanceScoresPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly fetch: typeof fetch;
}

/** Source: nodes-and-operations 3.8. */
const INTERVAL: Milliseconds = minutes(10);
/** How soon it is asked again after a failure: until scores are there, nobody is left out. */
const SOON: Milliseconds = seconds(30);
/** Nobody waits for an answer; a service that hangs shall not hold its connection for ever. */
const TIMEOUT = seconds(10);
/** An operator with a dozen regions is a kilobyte; the network has a hundred. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * How reliable operators are, as measured by a service for one region: asked in the background, and the last good answer
 * stays until there is another.
 */
export class PerformanceScores implements Startable {
  readonly #options: PerformanceScoresOptions;
  readonly #ports: PerformanceScoresPorts;
  readonly #stopped = new AbortController();
  #scores: ReadonlyMap<Address, number> = new Map();
  #running: Promise<void> = Promise.resolve();

  constructor(options: PerformanceScoresOptions, ports: PerformanceScoresPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** 0 to 1; `undefined` for who was not measured in the region. */
  of(operator: Address): number | undefined {
    return this.#scores.get(operator);
  }

  /** Begins to ask and does not wait for the answer. */
  async start(): Promise<void> {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new RivuletError("node.stopping", {}));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#ports;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const pause = (await this.#ask()) ? INTERVAL : SOON;
      // Aborted only by the stop, which the loop sees.
      await clock.sleep(pause, signal).catch(() => {});
    }
  }

  async #ask(): Promise<boolean> {
    const { url, region } = this.#options;
    const { log, fetch } = this.#ports;
    const { signal } = this.#stopped;
    try {
      const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]) });
      const text = await readTextWithin(answer.body ?? [], MAX_BYTES, tooLong);
      if (!answer.ok)
        throw new RivuletError("peer.protocol", { reason: `the score service answered ${answer.status}` });
      this.#scores = parseScores(text, region);
      log.debug("scores of orchestrators", { region, measured: this.#scores.size });
      return true;
    } catch (error) {
      if (!signal.aborted)
        log.warn("scores of orchestrators not available", { code: codeOf(error), kept: this.#scores.size });
      return false;
    }
  }
}

/** The scores of one region; entries that are none are left out. Throws "peer.protocol" for what is no such document. */
export function parseScores(text: string, region: string): ReadonlyMap<Address, number> {
  const document = parseJson(text);
  if (!isRecord(document)) throw new RivuletError("peer.protocol", { reason: "the scores are no JSON object" });
  return new Map(
    Object.entries(document).flatMap(([operator, regions]): [Address, number][] => {
      const measured = isRecord(regions) ? regions[region] : undefined;
      const score = isRecord(measured) ? measured["score"] : undefined;
      const isScore = typeof score === "number" && score >= 0 && score <= 1;
      return isScore && /^0x[0-9a-f]{40}$/i.test(operator) ? [[address(operator), score]] : [];
    }),
  );
}

function tooLong(): RivuletError {
  return new RivuletError("peer.protocol", { reason: `scores of more than ${MAX_BYTES} bytes` });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RivuletError("peer.protocol", { reason: "the scores are not JSON" }, { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
