import type { MessageInitShape } from "@bufbuild/protobuf";
import { RivuletError } from "@rivulet/primitives";
import { type CapabilityBits, numbersOf } from "./capability-bits.ts";
import { type Capabilities as CapabilitiesMessage, CapabilitiesSchema } from "./gen/lp_rpc_pb.ts";
import { type MalformedCode, readMessage, writeMessage } from "./protobuf.ts";

/** What is said of one model: wanted by a gateway, or offered by an orchestrator or worker. */
export interface ModelConstraint {
  /** Wanted: must be loaded. Offered: is loaded. */
  readonly isWarm: boolean;
  /** Free slots. */
  readonly capacity: number;
  /** Wanted: the least. Offered: the runner's own. */
  readonly runnerVersion: string;
  /** Slots that are taken. Orchestrators of the older software tell it for live-video-to-video only. */
  readonly capacityInUse: number;
}

/** Models by exact id. */
export type ModelConstraints = ReadonlyMap<string, ModelConstraint>;

/** What a node wants or offers. */
export interface Capabilities {
  readonly bits: CapabilityBits;
  /** What a peer must use to be served. */
  readonly mandatory: CapabilityBits;
  /** How much of each capability. Prices are found by its keys. */
  readonly capacities: ReadonlyMap<number, number>;
  /** The sender's software. */
  readonly version: string;
  /** The least software version a peer must have; empty for any. */
  readonly minVersion: string;
  /** By capability number. */
  readonly models: ReadonlyMap<number, ModelConstraints>;
}

export const NO_CAPABILITIES: Capabilities = Object.freeze({
  bits: [],
  mandatory: [],
  capacities: new Map(),
  version: "",
  minVersion: "",
  models: new Map(),
});

/** Words of one bit string: 4096 capabilities, a hundred times what exists. */
const MAX_WORDS = 64;
/** Capacities told apart by number: as many as bits. */
const MAX_CAPACITIES = 4096;
/** Models of one node: far above any, far below what a 4 MiB message could hold. */
const MAX_MODELS = 10_000;

/** The value of a message. Throws `code` when it holds more than any node has. */
export function capabilitiesOf(message: CapabilitiesMessage, code: MalformedCode): Capabilities {
  bounded(Math.max(message.bitstring.length, message.mandatories.length), MAX_WORDS, "capability words", code);
  const capacities = numberKeys(message.capacities);
  bounded(capacities.size, MAX_CAPACITIES, "capacities", code);
  const perCapability = numberKeys(message.constraints?.PerCapability ?? {});
  bounded(perCapability.size, MAX_CAPACITIES, "constraints", code);
  let count = 0;
  const models = new Map<number, ModelConstraints>();
  for (const [capability, constraints] of perCapability) {
    const entries = Object.entries(constraints.models);
    count += entries.length;
    bounded(count, MAX_MODELS, "models", code);
    models.set(
      capability,
      new Map(
        entries.map(([model, { warm, capacity, runnerVersion, capacityInUse }]) => [
          model,
          { isWarm: warm, capacity, runnerVersion, capacityInUse },
        ]),
      ),
    );
  }
  return {
    bits: message.bitstring,
    mandatory: message.mandatories,
    capacities,
    version: message.version,
    minVersion: message.constraints?.minVersion ?? "",
    models,
  };
}

/** The message of a value, its constraints always present: peers of the older software read them unasked. */
export function capabilitiesMessage(value: Capabilities): MessageInitShape<typeof CapabilitiesSchema> {
  return {
    bitstring: [...value.bits],
    mandatories: [...value.mandatory],
    capacities: Object.fromEntries(value.capacities),
    version: value.version,
    constraints: {
      minVersion: value.minVersion,
      PerCapability: Object.fromEntries(
        Array.from(value.models, ([capability, models]) => [
          capability,
          {
            models: Object.fromEntries(
              Array.from(models, ([model, { isWarm, ...rest }]) => [model, { warm: isWarm, ...rest }]),
            ),
          },
        ]),
      ),
    },
  };
}

export function encodeCapabilities(value: Capabilities): Uint8Array {
  return writeMessage(CapabilitiesSchema, capabilitiesMessage(value));
}

/** Throws "peer.protocol". */
export function decodeCapabilities(bytes: Uint8Array): Capabilities {
  return capabilitiesOf(readMessage(CapabilitiesSchema, bytes, "peer.protocol"), "peer.protocol");
}

/** The capacities, or one of every set bit when none are told. For adding nodes up, never for prices. */
export function capacitiesOf(value: Capabilities): ReadonlyMap<number, number> {
  return value.capacities.size > 0 ? value.capacities : new Map(numbersOf(value.bits).map((number) => [number, 1]));
}

function numberKeys<T>(record: Readonly<Record<number, T>>): Map<number, T> {
  return new Map(Object.entries(record).map(([key, item]) => [Number(key), item]));
}

function bounded(count: number, limit: number, what: string, code: MalformedCode): void {
  if (count > limit) throw new RivuletError(code, { reason: `more than ${limit} ${what}` });
}
