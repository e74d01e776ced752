import { encodePng, encodeWav } from "@rivulet/media";
import type { MediaFile, MediaKind, Pipeline } from "@rivulet/pipelines";

const SIDE = 64;

/** What makes examples as cheap as they can be. */
const CHEAP = { width: SIDE, height: SIDE, num_inference_steps: 2, max_tokens: 4 };

/** What is asked of a pipeline: its example as cheap as it can be, with some fields and files changed. */
export interface CheapChanges {
  /** Fields that are `undefined` are left out. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly media?: Readonly<Record<string, MediaFile>>;
}

/** Small files that every model of the kind takes, under a name that no file may get. */
export const cheapFiles: { readonly [K in MediaKind]: () => Promise<MediaFile> } = {
  image: async () => {
    const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 7 + (i % 3) * 50) % 256);
    return fileOf(await encodePng({ width: SIDE, height: SIDE, data }));
  },
  audio: async () => fileOf(encodeWav(new Float32Array(16_000), 16_000)),
};

/** A file as it is sent, under a name that no file may get. */
export function fileOf(bytes: Uint8Array): MediaFile {
  return { bytes, filename: "../../a.bin", contentType: "" };
}

export function cheapFields(
  pipeline: Pipeline,
  changes: CheapChanges["fields"] = {},
): readonly (readonly [string, unknown])[] {
  return Object.entries({ ...pipeline.example, ...CHEAP, ...changes }).filter(
    ([name, value]) => name in pipeline.request.shape && value !== undefined,
  );
}

export async function cheapMedia(
  pipeline: Pipeline,
  changes: CheapChanges["media"] = {},
): Promise<Readonly<Record<string, MediaFile>>> {
  const files = Object.entries(pipeline.media).map(
    async ([field, kind]) => [field, changes[field] ?? (await cheapFiles[kind]())] as const,
  );
  return Object.fromEntries(await Promise.all(files));
}

/** A request's body with its content type: JSON, or a form where files go along. */
export async function cheapBody(
  pipeline: Pipeline,
  { fields, media }: CheapChanges = {},
): Promise<{ readonly body: Uint8Array<ArrayBuffer>; readonly contentType: string }> {
  const own = cheapFields(pipeline, fields);
  const hasFiles = Object.keys(pipeline.media).length > 0;
  // Written at once: a form that `fetch` still writes when the answer is there ends the process in some releases.
  const written = hasFiles ? new Response(await formOf(pipeline, own, media)) : Response.json(Object.fromEntries(own));
  return { body: await written.bytes(), contentType: written.headers.get("content-type") ?? "" };
}

async function formOf(
  pipeline: Pipeline,
  fields: ReturnType<typeof cheapFields>,
  media: CheapChanges["media"],
): Promise<FormData> {
  const form = new FormData();
  for (const [field, { bytes, filename, contentType }] of Object.entries(await cheapMedia(pipeline, media)))
    form.append(field, new Blob([Uint8Array.from(bytes)], { type: contentType }), filename);
  for (const [name, value] of fields) form.append(name, typeof value === "string" ? value : JSON.stringify(value));
  return form;
}
