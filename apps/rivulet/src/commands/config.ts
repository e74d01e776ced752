import { configure, explain, helpLines } from "@rivulet/node";
import { RivuletError } from "@rivulet/primitives";
import type { Terminal } from "../terminal.ts";

/** `config check` and `config explain`: what a configuration says, without starting anything. */
export async function configCommand([what, ...argv]: readonly string[], terminal: Terminal): Promise<number> {
  if (what !== "check" && what !== "explain")
    throw new RivuletError("config.invalid", {
      problems: [{ path: "config", message: "say check or explain: rivulet config check -config rivulet.yaml" }],
    });
  const parsed = configure([], argv);
  if (parsed.kind === "help") {
    terminal.result(`usage: rivulet config ${what} -config FILE [flags]\n\n${helpLines(parsed.known).join("\n")}`);
    return 0;
  }
  for (const line of what === "explain" ? explain(parsed.configuration) : ["the configuration is right"])
    terminal.result(line);
  return 0;
}
