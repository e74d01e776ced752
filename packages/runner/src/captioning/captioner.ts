import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { Tensors } from "../backend.ts";
import type { TokenReader } from "../generation/token-reader.ts";
import type { LoadedModel, RunContext } from "../implementation.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import { rejected } from "../rejected.ts";
import type { TextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { turn } from "../turn.ts";
import type { PictureInput } from "../vision/picture-input.ts";
import { type CaptionRules, writtenCaption } from "./writing.ts";

export interface CaptionerParts {
  readonly input: PictureInput;
  /** What the decoder is told of a picture, by the names of its inputs. */
  readonly look: (planes: Float32Array) => Promise<Tensors>;
  readonly reader: TokenReader;
  readonly tokenizer: TextTokenizer;
  /** The token that every caption begins with. */
  readonly begin: number;
  readonly rules: CaptionRules;
  readonly close: () => Promise<void>;
}

/**
 * Looks at a picture, then writes: the caption begins with the prompt and goes on with the likeliest token each time.
 * Source: runner-and-models 1.10, 7.12.
 */
export class Captioner implements LoadedModel<"image-to-text"> {
  readonly #parts: CaptionerParts;

  constructor(parts: CaptionerParts) {
    this.#parts = parts;
  }

  async run(
    { prompt }: PipelineRequest<"image-to-text">,
    context: RunContext,
  ): Promise<PipelineRunnerResponse<"image-to-text">> {
    const { input, look, reader, tokenizer, begin, rules } = this.#parts;
    const begun = tokenizer.encode(prompt);
    if (begun.length + 1 >= rules.length)
      throw rejected("prompt", `${begun.length} tokens leave no room in a caption of ${rules.length - 1}`);
    const picture = await givenPicture(context);
    await turn(context.signal);
    const reading = reader.begin(await look(input.planes(picture)));
    const caption = await writtenCaption(reading, [begin, ...begun], rules, context);
    return { text: tokenizer.decode([...begun, ...caption]) };
  }

  async dispose(): Promise<void> {
    await this.#parts.close();
  }
}
