import { join } from "node:path";
import { probeImage } from "@rivulet/media";
import type { MediaFile, PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { invariant } from "@rivulet/primitives";
import type { BackendFactory, Graph, Port } from "../backend.ts";
import { refuseNonFinite } from "../graphs/finite.ts";
import { type Graphs, modelOf } from "../graphs/graph-files.ts";
import { takeFloats } from "../graphs/outputs.ts";
import { allowInputs, feed, findInput, fixedSides, getInput, needOutput } from "../graphs/ports.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings, readJson } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import { rejected } from "../rejected.ts";
import type { Tensor } from "../tensor.ts";
import { turn } from "../turn.ts";
import { IMAGENET, PictureInput } from "../vision/picture-input.ts";
import { bilinear } from "../vision/resample.ts";
import { asBits, asLogits, refuseTooLong, writtenRows } from "./mask-text.ts";
import { answering, enlarged, masksOf, type Stability, small } from "./masks.ts";
import { LABEL, type Point, pointsOf, startingMask } from "./prompts.ts";
import { type Seen, SeenPictures } from "./seen-pictures.ts";

/** The two graphs of the layout. Source: runner-and-models 7.3.1. */
export const SAM2_FILES = {
  vision: "onnx/vision_encoder.onnx",
  decoder: "onnx/prompt_encoder_mask_decoder.onnx",
} as const;

const PIXELS = "pixel_values";
const EMBEDDINGS = "image_embeddings.";
const POINTS = "input_points";
const LABELS = "input_labels";
/** Some exports take boxes as such; here they are points, which is the same to the model. */
const BOXES = "input_boxes";
const MASKS = "input_masks";
/** Says whether `input_masks` counts. Only our own exports have the two. */
const HAS_MASKS = "has_input_masks";
const SCORES = "iou_scores";
const PREDICTED = "pred_masks";

/** Masks to choose from. */
const CHOICES = 3;
/** Of every published model. */
const SIDE = 1024;
const STABILITY: Stability = { delta: 0.05, least: 0.98 };

/** Loads a SAM 2 model. Throws `RangeError` for files of another kind. */
export async function loadSam2(
  backend: BackendFactory,
  context: LoadContext,
): Promise<LoadedModel<"segment-anything-2">> {
  const { directory } = context;
  const input = await PictureInput.read(directory, { side: SIDE, kernel: bilinear, ...IMAGENET });
  const stability = await readStability(directory);
  return modelOf(backend, context, SAM2_FILES, (graphs) => new Sam2(graphs, input, stability));
}

async function readStability(directory: string): Promise<Stability> {
  const { mask_decoder_config: given } = (await readJson(join(directory, "config.json"))) ?? {};
  const settings = new ModelSettings(typeof given === "object" && given !== null ? { ...given } : {}, "config.json");
  const isDynamic = settings.boolean("dynamic_multimask_via_stability", true);
  return {
    delta: settings.number("dynamic_multimask_stability_delta", STABILITY.delta),
    least: isDynamic ? settings.number("dynamic_multimask_stability_thresh", STABILITY.least) : 0,
  };
}

/** Masks of what points, a box or an earlier mask speak of. Source: runner-and-models 1.8, 7.13. */
class Sam2 implements LoadedModel<"segment-anything-2"> {
  readonly #graphs: Graphs<keyof typeof SAM2_FILES>;
  readonly #vision: Graph;
  readonly #decoder: Graph;
  readonly #input: PictureInput;
  readonly #stability: Stability;
  readonly #levels: readonly string[];
  readonly #seen = new SeenPictures();

  constructor(graphs: Graphs<keyof typeof SAM2_FILES>, input: PictureInput, stability: Stability) {
    const [vision, decoder] = [graphs.get("vision"), graphs.get("decoder")];
    getInput(vision, PIXELS);
    for (const name of [POINTS, LABELS]) getInput(decoder, name);
    const levels = decoder.inputs.map(({ name }) => name).filter((name) => name.startsWith(EMBEDDINGS));
    allowInputs(decoder, [...levels, POINTS, LABELS, BOXES, MASKS, HAS_MASKS]);
    for (const level of levels) needOutput(vision, level);
    if (input.width !== input.height) throw new RangeError("the model sees pictures that are not square");
    this.#graphs = graphs;
    this.#vision = vision;
    this.#decoder = decoder;
    this.#input = input;
    this.#stability = stability;
    this.#levels = levels;
  }

  async run(
    request: PipelineRequest<"segment-anything-2">,
    context: RunContext,
  ): Promise<PipelineRunnerResponse<"segment-anything-2">> {
    const { signal, media } = context;
    const start = this.#startingMask(request.mask_input);
    const { image } = media;
    invariant(image !== undefined, "the request's files were checked");
    const writing = request.return_logits ? asLogits : asBits;
    const { width, height } = probeImage(image.bytes);
    refuseTooLong(width * height * (request.multimask_output ? CHOICES : 1), writing);
    const picture = await this.#look(image, context);
    const points = pointsOf(request, picture, this.#input.width);
    await turn(signal);
    const results = await this.#decoder.run(
      { ...picture.embeddings, ...this.#pointFeeds(points), ...this.#maskFeeds(start) },
      [SCORES, PREDICTED],
    );
    const { file } = this.#decoder;
    const [scores, predicted] = [takeFloats(results, SCORES, file), takeFloats(results, PREDICTED, file)];
    for (const { data } of [scores, predicted]) refuseNonFinite(data, "masks");
    const masks = answering(masksOf(predicted, scores), request.multimask_output, this.#stability);
    return {
      masks: await writtenRows(
        masks.map((mask) => enlarged(mask, picture)),
        writing,
        signal,
      ),
      scores: JSON.stringify(masks.map(({ score }) => score)),
      logits: await writtenRows(masks.map(small), asLogits, signal),
    };
  }

  async dispose(): Promise<void> {
    await this.#graphs[Symbol.asyncDispose]();
  }

  #look(file: MediaFile, context: RunContext): Promise<Seen> {
    return this.#seen.get(file.bytes, async () => {
      const picture = await givenPicture(context);
      await turn(context.signal);
      const pixels = feed(getInput(this.#vision, PIXELS), this.#input.planes(picture), this.#input.dims);
      const embeddings = await this.#vision.run({ [PIXELS]: pixels }, this.#levels);
      return { width: picture.width, height: picture.height, embeddings };
    });
  }

  #startingMask(text: string | undefined): Float32Array | undefined {
    if (text === undefined) return undefined;
    const port = findInput(this.#decoder, MASKS);
    if (port === undefined || findInput(this.#decoder, HAS_MASKS) === undefined)
      throw rejected("mask_input", "is not supported by this model export");
    const { height, width } = this.#maskSides(port);
    return startingMask(text, height, width);
  }

  /**
   * The points, and one that is none to end the list, as the models were trained. Our own exports leave that to us, and
   * take no points at all for no prompt; others want at least one, and end lists by themselves.
   */
  #pointFeeds(points: readonly Point[]): Readonly<Record<string, Tensor>> {
    const isOurs = findInput(this.#decoder, HAS_MASKS) !== undefined;
    const isEnded = isOurs ? points.length === 0 : points.length > 0;
    const told = isEnded ? points : [...points, { x: 0, y: 0, label: LABEL.none }];
    const boxes = findInput(this.#decoder, BOXES);
    return {
      [POINTS]: feed(
        getInput(this.#decoder, POINTS),
        told.flatMap(({ x, y }) => [x, y]),
        [1, 1, told.length, 2],
      ),
      [LABELS]: feed(
        getInput(this.#decoder, LABELS),
        told.map(({ label }) => label),
        [1, 1, told.length],
      ),
      ...(boxes === undefined ? {} : { [BOXES]: feed(boxes, [], [1, 0, 4]) }),
    };
  }

  #maskFeeds(mask: Float32Array | undefined): Readonly<Record<string, Tensor>> {
    const [port, flag] = [findInput(this.#decoder, MASKS), findInput(this.#decoder, HAS_MASKS)];
    if (port === undefined || flag === undefined) return {};
    const { height, width } = this.#maskSides(port);
    return {
      [MASKS]: feed(port, mask ?? new Float32Array(height * width), [1, 1, height, width]),
      [HAS_MASKS]: feed(flag, [mask === undefined ? 0 : 1], [1]),
    };
  }

  #maskSides(port: Port) {
    const sides = fixedSides(port);
    if (sides === undefined) throw new RangeError(`${this.#decoder.file} does not say how large ${port.name} is`);
    return sides;
  }
}
