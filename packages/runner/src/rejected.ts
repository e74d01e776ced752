import { RivuletError } from "@rivulet/primitives";

/** The error for what a model cannot do. `reason` begins with the field that asks for it. */
export function rejected(reason: string, cause?: unknown): RivuletError {
  return new RivuletError("request.rejected-by-model", { reason }, cause === undefined ? {} : { cause });
}
