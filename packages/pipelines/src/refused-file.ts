import { RivuletError } from "@rivulet/primitives";

/** The refusal of a file that can be read and is nothing for this pipeline. */
export function refusedFile(field: string, msg: string): RivuletError<"request.invalid"> {
  return new RivuletError("request.invalid", { problems: [{ loc: ["body", field], msg, type: "value_error" }] });
}
