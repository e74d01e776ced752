type Json = Readonly<Record<string, unknown>>;

/** What gives a settings file away, whatever it is called, and where such files belong. */
const KINDS: readonly { readonly isIn: (json: Json) => boolean; readonly place: RegExp; readonly name: string }[] = [
  {
    isIn: (json) => "image_processor_type" in json || "feature_extractor_type" in json,
    place: /(?:^|[\\/])(?:pre)?processor_config\.json$/,
    name: "preprocessor_config.json",
  },
  {
    isIn: (json) => "tokenizer_class" in json && !("model_type" in json),
    place: /[\\/]tokenizer(?:_config)?\.json$/,
    name: "tokenizer_config.json",
  },
  { isIn: ({ architectures }) => Array.isArray(architectures), place: /[\\/]config\.json$/, name: "config.json" },
  { isIn: isOf(/Scheduler$/), place: /[\\/]scheduler_config\.json$/, name: "scheduler/scheduler_config.json" },
  { isIn: isOf(/Pipeline$/), place: /[\\/]model_index\.json$/, name: "model_index.json" },
  { isIn: isOf(/^UNet/), place: /[\\/]unet[\\/]config\.json$/, name: "unet/config.json" },
  { isIn: isOf(/^Autoencoder/), place: /[\\/]vae[^\\/]*[\\/]config\.json$/, name: "vae_decoder/config.json" },
];

function isOf(name: RegExp): (json: Json) => boolean {
  return ({ _class_name: said }) => typeof said === "string" && name.test(said);
}

/**
 * Refuses a settings file that lies in the place of another: read in its place it would be a file without settings, and the
 * model would go wrong in silence. Throws `RangeError` with both names; files that tell nothing of their kind are let pass.
 */
export function refuseMisplaced(file: string, json: Json): void {
  const kind = KINDS.find(({ isIn, place }) => isIn(json) && !place.test(file));
  if (kind !== undefined) throw new RangeError(`${file} holds what belongs in ${kind.name}`);
}
