import { z } from "zod";

/** The error bodies of the interface, as schemas; `errorBody` of @rivulet/primitives makes them. */

const report = z
  .object({
    code: z.string().describe("What happened: one of the codes of this interface."),
    message: z.string().describe("For people."),
    retryable: z.boolean().describe("Whether trying again may help."),
    facts: z.unknown().describe("What the code tells beside itself."),
  })
  .meta({ id: "ErrorReport" });

const apiError = z
  .object({
    msg: z.string().describe("For people."),
    code: z.string().optional().describe("What happened, where a runner answers."),
    retryable: z.boolean().optional().describe("Whether trying again may help, where a runner answers."),
  })
  .meta({ id: "APIError" });

/** Every error but invalid fields. Peers send `detail` only. */
export const errorBody = z.object({ detail: apiError, error: report.optional() }).meta({ id: "HTTPError" });

const validationError = z
  .object({
    loc: z.array(z.union([z.string(), z.int()])).describe("Where: body, then the field."),
    msg: z.string().describe("For people."),
    type: z.string().describe("For programs."),
  })
  .meta({ id: "ValidationError" });

/** Invalid fields, one problem a field. */
export const fieldProblemsBody = z
  .object({ detail: z.array(validationError), error: report.optional() })
  .meta({ id: "HTTPValidationError" });
