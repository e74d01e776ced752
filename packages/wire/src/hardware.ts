import type { MessageInitShape } from "@bufbuild/protobuf";
import { RivuletError } from "@rivulet/primitives";
import type { HardwareInformation, HardwareInformationSchema } from "./gen/lp_rpc_pb.ts";
import type { MalformedCode } from "./protobuf.ts";

/** The devices behind one model. */
export interface Hardware {
  readonly pipeline: string;
  readonly model: string;
  /** By device index as text. */
  readonly gpus: ReadonlyMap<string, Gpu>;
}

export interface Gpu {
  readonly id: string;
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  /** Bytes. */
  readonly memoryFree: bigint;
  readonly memoryTotal: bigint;
}

/** Entries of one node: far above any machine room. */
const MAX_ENTRIES = 10_000;

/** Throws `code` when the list is longer than any node's. */
export function hardwareOf(messages: readonly HardwareInformation[], code: MalformedCode): readonly Hardware[] {
  let count = messages.length;
  return messages.map((message) => {
    const entries = Object.entries(message.gpuInfo);
    count += entries.length;
    if (count > MAX_ENTRIES) throw new RivuletError(code, { reason: `more than ${MAX_ENTRIES} devices` });
    return {
      pipeline: message.pipeline,
      model: message.modelId,
      gpus: new Map(
        entries.map(([index, { id, name, major, minor, memoryFree, memoryTotal }]) => [
          index,
          { id, name, major, minor, memoryFree, memoryTotal },
        ]),
      ),
    };
  });
}

export function hardwareMessage(value: Hardware): MessageInitShape<typeof HardwareInformationSchema> {
  return {
    pipeline: value.pipeline,
    modelId: value.model,
    gpuInfo: Object.fromEntries(Array.from(value.gpus, ([index, gpu]) => [index, { ...gpu }])),
  };
}
