import type { MediaFile, Pipeline } from "@rivulet/pipelines";
import { deadline, RivuletError, readWithin } from "@rivulet/primitives";
import { type Dispatcher, request } from "undici";
import { INPUT_DOWNLOAD_LIMIT, MAX_INPUT_BYTES } from "../limits.ts";

/** The file of a job: behind a URL, or as base64 in the request. Throws "request.malformed", "peer.unreachable". */
export async function fetchInput(
  pipeline: Pipeline,
  fields: Readonly<Record<string, unknown>>,
  inputUrl: string,
  ports: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
): Promise<Readonly<Record<string, MediaFile>>> {
  const [field] = Object.keys(pipeline.media);
  if (field === undefined) return {};
  const inside = fields[field];
  const bytes = typeof inside === "string" ? Buffer.from(inside, "base64") : await download(inputUrl, ports);
  return { [field]: { bytes, filename: field, contentType: "application/octet-stream" } };
}

async function download(
  url: string,
  { dispatcher, signal }: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  if (!/^https?:\/\//i.test(url)) throw new RivuletError("request.malformed", { reason: "the input has no URL" });
  using limit = deadline(INPUT_DOWNLOAD_LIMIT, signal);
  const answer = await request(url, { dispatcher, signal: limit });
  if (answer.statusCode !== 200) {
    answer.body.destroy();
    throw new RivuletError("peer.unreachable", { reason: `the input's address answered ${answer.statusCode}` });
  }
  const tooLong = () => new RivuletError("request.too-large", { limitBytes: MAX_INPUT_BYTES });
  return await readWithin(answer.body, MAX_INPUT_BYTES, tooLong);
}
