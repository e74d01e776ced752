import { RivuletError } from "@rivulet/primitives";

/** The error for what a model cannot do: the field that asks for it, and why not. */
export function rejected(field: string, reason: string, cause?: unknown): RivuletError {
  return new RivuletError("request.rejected-by-model", { field, reason }, cause === undefined ? {} : { cause });
}
