import { rejected } from "../rejected.ts";

/** Of a request's own text, in the error that refuses it. */
const MAX_QUOTED = 100;

/**
 * Refuses LoRA adapters, which are not loaded here, naming what was asked for; a text that asks for none passes.
 * Throws "request.rejected-by-model". Source of the form and of the first text: runner-and-models 1.2.10.
 */
export function refuseAdapters(loras: string): void {
  const names = Object.keys(loras.trim() === "" ? {} : parsed(loras));
  if (names.length > 0)
    throw rejected("loras", `adapters are not loaded here, asked for: ${names.join(", ").slice(0, MAX_QUOTED)}`);
}

function parsed(loras: string): object {
  const refused = (cause?: unknown) =>
    rejected("loras", `Unable to parse '${loras.slice(0, MAX_QUOTED)}' as JSON`, cause);
  try {
    const value: unknown = JSON.parse(loras);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    throw refused(cause);
  }
  throw refused();
}
