import { encodePng, encodeWav, parseDataUrl, probeFiles, verifyImage } from "@rivulet/media";
import {
  type MediaFile,
  type MediaKind,
  type Pipeline,
  parseRequest,
  type ResultFile,
  resolveRequest,
} from "@rivulet/pipelines";
import { isError, type Randomness, RivuletError } from "@rivulet/primitives";
import type { ModelHost } from "./host/model-host.ts";
import type { PoolModel } from "./pooled-model.ts";

/** The example's result is small; a model that answers more than this to it is broken. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * Says whether a model that has loaded also works: it does the pipeline's example, with what the model itself wants laid
 * over it, and the result must be what the pipeline expects of it: its shape, the number of files, and pictures that decode and have the asked size and seed.
 *
 * Throws `model.load-failed` when it does not, and the signal's reason when that aborts first.
 */
export async function verifyInference(config: PoolModel, host: ModelHost, signal: AbortSignal): Promise<void> {
  const { pipeline, model } = config;
  try {
    const media = await exampleMedia(pipeline);
    const probes = probeFiles(pipeline.media, media);
    const request = resolveRequest(
      pipeline,
      parseRequest(pipeline, { ...pipeline.example, ...host.example }),
      probes,
      SAME_EVERY_TIME,
    );
    const response = await host.run({ request, media }, { signal });
    if (pipeline.runnerResponse !== undefined) pipeline.runnerResponse.parse(response);
    else await checkResult(pipeline.files(pipeline.response.parse(response)), pipeline.expect(request, probes));
  } catch (error) {
    if (signal.aborted || isError(error, "model.load-failed")) throw error;
    const reason = `its first result is not usable: ${error instanceof Error ? error.message : String(error)}`;
    throw new RivuletError("model.load-failed", { pipeline: pipeline.name, model, reason }, { cause: error });
  }
}

async function checkResult(files: readonly ResultFile[], expected: ReturnType<Pipeline["expect"]>): Promise<void> {
  if (files.length !== expected.files) throw unusable(`${files.length} files, not ${expected.files}`);
  for (const [index, { owner, key, contentType }] of files.entries()) {
    const { bytes } = parseDataUrl(String(owner[key]), { maxBytes: MAX_FILE_BYTES });
    if (contentType === "image/png") {
      const { width, height } = await verifyImage(bytes);
      const { size } = expected;
      if (size !== undefined && (size.width !== width || size.height !== height))
        throw unusable(`a picture of ${width} × ${height}, not ${size.width} × ${size.height}`);
    } else if (bytes.length === 0) throw unusable("an empty file");
    const seed = expected.seeds?.[index];
    if (seed !== undefined && owner["seed"] !== seed) throw unusable(`seed ${String(owner["seed"])}, not ${seed}`);
  }
}

function unusable(reason: string): RivuletError {
  return new RivuletError("peer.bad-result", { reason });
}

/** A check that draws its numbers anew would pass once and fail the next time. */
const SAME_EVERY_TIME: Randomness = { bytes: (length) => new Uint8Array(length), uniform: () => 0.5 };

async function exampleMedia(pipeline: Pipeline): Promise<Record<string, MediaFile>> {
  const files = Object.entries(pipeline.media).map(async ([field, kind]) => [field, await examples[kind]()] as const);
  return Object.fromEntries(await Promise.all(files));
}

/** What speech models hear. */
const SPEECH_RATE = 16_000;

/** A file of each kind, as small as every model of the kind takes. */
const examples: { readonly [K in MediaKind]: () => Promise<MediaFile> } = {
  async image() {
    const side = 256;
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i / 3) % side);
    const bytes = await encodePng({ width: side, height: side, data });
    return { bytes, filename: "example.png", contentType: "image/png" };
  },
  async audio() {
    return {
      bytes: encodeWav(new Float32Array(SPEECH_RATE), SPEECH_RATE),
      filename: "example.wav",
      contentType: "audio/wav",
    };
  },
};
