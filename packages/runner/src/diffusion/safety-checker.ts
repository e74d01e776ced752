import type { Rgb8 } from "@rivulet/media";
import type { Graph } from "../backend.ts";
import { takeFloats } from "../graphs/outputs.ts";
import { feed, findInput, getInput, needOutput } from "../graphs/ports.ts";
import { CLIP, PictureInput } from "../vision/picture-input.ts";
import { bicubic, resizedPart } from "../vision/resample.ts";

const CLIP_SIDE = 224;

const CLIP_INPUT = "clip_input";
const IMAGES = "images";
const FLAGS = "has_nsfw_concepts";

/** Says whether a picture looks not safe for work. It never changes the picture. Source: runner-and-models 7.9. */
export class SafetyChecker {
  readonly #graph: Graph;

  constructor(graph: Graph) {
    getInput(graph, CLIP_INPUT);
    needOutput(graph, FLAGS);
    this.#graph = graph;
  }

  async isUnsafe(image: Rgb8): Promise<boolean> {
    const feeds = {
      [CLIP_INPUT]: feed(getInput(this.#graph, CLIP_INPUT), clipInput(image), [1, 3, CLIP_SIDE, CLIP_SIDE]),
    };
    // Some exports also black out the pictures they are handed. One black pixel satisfies them: only the flag is read.
    const images = findInput(this.#graph, IMAGES);
    const result = await this.#graph.run(
      images === undefined ? feeds : { ...feeds, [IMAGES]: feed(images, [0, 0, 0], [1, 1, 1, 3]) },
      [FLAGS],
    );
    return takeFloats(result, FLAGS, this.#graph.file).data.some((flag) => flag > 0);
  }
}

/** How CLIP sees pictures. */
const seen = new PictureInput(CLIP_SIDE, CLIP_SIDE, { kernel: bicubic, ...CLIP });

/** The middle of the picture as CLIP sees it: 224 × 224, planes, normalised. */
export function clipInput(image: Rgb8): Float32Array {
  const shorter = Math.min(image.width, image.height);
  const scaled = (side: number) => Math.trunc((CLIP_SIDE * side) / shorter);
  const [width, height] = [scaled(image.width), scaled(image.height)];
  const [left, top] = [Math.floor((width - CLIP_SIDE) / 2), Math.floor((height - CLIP_SIDE) / 2)];
  const middle = { left, top, width: CLIP_SIDE, height: CLIP_SIDE };
  return seen.planes(resizedPart(image, { width, height }, middle, bicubic));
}
