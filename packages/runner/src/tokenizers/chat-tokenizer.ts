import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { ModelSettings } from "../model-settings.ts";
import { rejected } from "../rejected.ts";
import { readTokenizer } from "./tokenizer-file.ts";

/** One turn of a conversation. */
export interface Turn {
  readonly role: string;
  readonly content: string;
}

/** Conversations as the token ids a language model reads, and its answers as text. */
export interface ChatTokenizer {
  /** The conversation in the model's own form, up to where its answer begins. Throws "request.rejected-by-model" when it has none. */
  encode(turns: readonly Turn[]): readonly number[];
  decode(ids: readonly number[]): string;
}

/** Without a template of its own a model gets the conversation as plain lines. */
const PLAIN =
  "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";

/** The tokenizer and chat template in a model's directory. Throws `RangeError` where there is no tokenizer. */
export async function loadChatTokenizer(directory: string): Promise<ChatTokenizer> {
  const { tokenizer, config } = await readTokenizer(directory);
  const template = templateOf(directory, config);
  const special = { bos_token: textOf(config["bos_token"]), eos_token: textOf(config["eos_token"]) };
  return {
    encode(turns) {
      const text = template.render({
        messages: turns.map((turn) => ({ ...turn })),
        add_generation_prompt: true,
        refuse,
        ...special,
      });
      // The template writes the special tokens itself.
      return tokenizer.encode(text, { add_special_tokens: false }).ids;
    },
    decode: (ids) => (ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: true })),
  };
}

/** The library's own function throws what every broken template throws. It can be replaced only from within a template. */
const { body: REFUSES_BY_NAME } = new Template("{% set raise_exception = refuse %}").parsed;

/** Called by templates for what their model was not trained for, such as a system turn. */
function refuse(reason: unknown): never {
  throw rejected("messages", `${reason}`);
}

/** The template file, or the one in the configuration: a text, or several with names of which `default` is for talking. */
function templateOf(directory: string, config: Readonly<Record<string, unknown>>): Template {
  const file = join(directory, "chat_template.jinja");
  const isOwn = existsSync(file);
  try {
    const template = new Template(isOwn ? readFileSync(file, "utf8") : templateIn(config));
    template.parsed.body.unshift(...REFUSES_BY_NAME);
    return template;
  } catch (cause) {
    const place = isOwn ? file : "tokenizer_config.json";
    throw new RangeError(`${place}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function templateIn(config: Readonly<Record<string, unknown>>): string {
  const { chat_template: told } = config;
  if (Array.isArray(told)) {
    const [first = {}] = [...told.filter((entry) => entry?.name === "default"), ...told];
    return new ModelSettings(first).text("template", PLAIN);
  }
  return new ModelSettings(config).text("chat_template", PLAIN);
}

/** A special token is a text, or a record with its text. */
function textOf(token: unknown): string {
  if (typeof token === "string") return token;
  return typeof token === "object" && token !== null && "content" in token ? String(token.content) : "";
}
