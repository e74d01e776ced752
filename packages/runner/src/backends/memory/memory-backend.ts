import { relative } from "node:path";
import { setImmediate as eventLoopTurn } from "node:timers/promises";
import type { Backend, Graph, Port } from "../../backend.ts";
import type { Tensor } from "../../tensor.ts";

/** A model that is a function: what its file would declare, and what it computes. */
export interface MemoryGraph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly run: (feeds: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
}

/** Models held in memory, by their path below `directory`. No file is read. */
export function memoryBackend(directory: string, graphs: Readonly<Record<string, MemoryGraph>>): Backend {
  return {
    async open(file) {
      const graph = graphs[relative(directory, file)];
      if (graph === undefined) throw new RangeError(`there is no model at ${file}`);
      return open(file, graph);
    },
  };
}

function open(file: string, { inputs, outputs, run }: MemoryGraph): Graph {
  return {
    file,
    inputs,
    outputs,
    async run(feeds, names = outputs.map(({ name }) => name)) {
      await eventLoopTurn();
      for (const { name } of inputs) if (feeds[name] === undefined) throw new RangeError(`input ${name} is missing`);
      for (const name of Object.keys(feeds))
        if (!inputs.some((port) => port.name === name)) throw new RangeError(`there is no input ${name}`);
      const results = run(feeds);
      return Object.fromEntries(
        names.map((name) => {
          const result = results[name];
          if (result === undefined) throw new RangeError(`there is no output ${name}`);
          return [name, result];
        }),
      );
    },
    async close() {},
  };
}
