import { floats, type Tensor } from "../tensor.ts";
import type { EncodedText, TextEncoder } from "./text-encoder.ts";

/** What the denoiser is told about one text. */
export interface Conditioning {
  /** One row: [1, tokens, width]. */
  readonly states: Tensor<"float32">;
  /** One row: [1, width], for families whose denoiser also reads a whole-text vector. */
  readonly pooled?: Tensor<"float32">;
}

/** One text for each encoder. */
export type EncoderTexts = readonly string[];

/** Embeddings kept for prompts that come again, such as the empty one. At 77 × 2048 floats each: 20 MB. */
const MAX_KEPT = 32;

/**
 * Texts through all encoders of a model, joined. Recent results are kept, and texts that are not are encoded together.
 */
export class TextConditioning {
  readonly #encoders: readonly TextEncoder[];
  /** In order of use, the latest last. */
  readonly #kept = new Map<string, Conditioning>();

  constructor(encoders: readonly TextEncoder[]) {
    this.#encoders = encoders;
  }

  /** How many texts a prompt is for. */
  get encoders(): number {
    return this.#encoders.length;
  }

  async encode(prompts: readonly EncoderTexts[]): Promise<readonly Conditioning[]> {
    const keys = prompts.map((texts) => JSON.stringify(texts));
    const missing = [...new Map(prompts.map((texts, index) => [keys[index] ?? "", texts]))].filter(
      ([key]) => !this.#kept.has(key),
    );
    const fresh = new Map<string, Conditioning>();
    if (missing.length > 0) {
      const made = await this.#encode(missing.map(([, texts]) => texts));
      missing.forEach(([key], index) => {
        const conditioning = made[index];
        if (conditioning !== undefined) fresh.set(key, conditioning);
      });
    }
    return keys.map((key) => this.#keep(key, fresh.get(key) ?? this.#kept.get(key)));
  }

  async #encode(prompts: readonly EncoderTexts[]): Promise<readonly Conditioning[]> {
    const byEncoder: (readonly EncodedText[])[] = [];
    for (const [index, encoder] of this.#encoders.entries())
      byEncoder.push(await encoder.encode(prompts.map((texts) => texts[index] ?? "")));
    return prompts.map((_, row) => joined(byEncoder.flatMap((texts) => texts[row] ?? [])));
  }

  #keep(key: string, conditioning: Conditioning | undefined): Conditioning {
    if (conditioning === undefined) throw new RangeError("a text was not encoded");
    this.#kept.delete(key);
    this.#kept.set(key, conditioning);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return conditioning;
  }
}

/** Zeros of the same shapes: what some families mean by no text at all. */
export function blankLike({ states, pooled }: Conditioning): Conditioning {
  return { states: zerosLike(states), ...(pooled === undefined ? {} : { pooled: zerosLike(pooled) }) };
}

function zerosLike({ dims, data }: Tensor<"float32">): Tensor<"float32"> {
  return floats(new Float32Array(data.length), dims);
}

/** States side by side for each token; the vector is the last encoder's that has one. */
function joined(texts: readonly EncodedText[]): Conditioning {
  const pooled = texts.findLast((text) => text.pooled !== undefined)?.pooled;
  return { states: sideBySide(texts.map(({ states }) => states)), ...(pooled === undefined ? {} : { pooled }) };
}

function sideBySide(parts: readonly Tensor<"float32">[]): Tensor<"float32"> {
  const [first] = parts;
  if (first === undefined) throw new RangeError("the model has no text encoder");
  if (parts.length === 1) return first;
  const [, tokens = 0] = first.dims;
  const widths = parts.map(({ dims }) => dims[2] ?? 0);
  const width = widths.reduce((sum, part) => sum + part, 0);
  const data = new Float32Array(tokens * width);
  let column = 0;
  for (const [index, part] of parts.entries()) {
    const partWidth = widths[index] ?? 0;
    if (part.dims[1] !== tokens) throw new RangeError("the text encoders differ in length");
    for (let token = 0; token < tokens; token++)
      data.set(part.data.subarray(token * partWidth, (token + 1) * partWidth), token * width + column);
    column += partWidth;
  }
  return floats(data, [1, tokens, width]);
}
