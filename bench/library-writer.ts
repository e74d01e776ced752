import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoModelForCausalLM, AutoTokenizer, type PreTrainedTokenizer } from "@huggingface/transformers";

interface Message {
  readonly role: string;
  readonly content: string;
}

/** A language model that the library Transformers.js runs by itself, the likeliest token each time. */
export async function libraryWriter(
  directory: string,
): Promise<{ readonly write: (messages: readonly Message[], most: number) => Promise<number> }> {
  const tokenizer: PreTrainedTokenizer = await AutoTokenizer.from_pretrained(directory, { local_files_only: true });
  // The library does not look for the file that newer models have their template in.
  const file = join(directory, "chat_template.jinja");
  const template = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  const model = await AutoModelForCausalLM.from_pretrained(directory, {
    local_files_only: true,
    dtype: "fp32",
    device: "cpu",
    // Nor for weights beside a graph, unless it is told of them.
    use_external_data_format: existsSync(join(directory, "onnx/model.onnx_data")),
    session_options: {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    },
  });
  return {
    /** Says how many tokens it wrote. */
    async write(messages, most) {
      const inputs = tokenizer.apply_chat_template([...messages], {
        add_generation_prompt: true,
        return_dict: true,
        ...(template === undefined ? {} : { chat_template: template }),
      });
      const { input_ids: ids } = inputs as { input_ids: { dims: readonly number[] } };
      const made = await model.generate({ ...(inputs as object), max_new_tokens: most, do_sample: false });
      const { dims } = made as { dims: readonly number[] };
      return (dims[1] ?? 0) - (ids.dims[1] ?? 0);
    },
  };
}
