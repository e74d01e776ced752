import type { FieldProblem } from "@rivulet/primitives";
import type { z } from "zod";

/** What is wrong with a body, in the form and with the types that clients of the published API know. */
export function problemsOf(error: z.ZodError, body: unknown): readonly FieldProblem[] {
  return error.issues.map((issue) => {
    const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
    const value = path.reduce(member, body);
    const { type, msg } = value === undefined ? MISSING : describe(issue, value);
    return { loc: ["body", ...path], msg, type };
  });
}

type Description = Omit<FieldProblem, "loc">;

const MISSING: Description = { type: "missing", msg: "is required" };

function describe(issue: z.core.$ZodIssue, value: unknown): Description {
  switch (issue.code) {
    case "invalid_type":
      return wrongType(issue.expected, value);
    case "too_small":
      return issue.origin === "string"
        ? { type: "string_too_short", msg: `must have at least ${issue.minimum} characters` }
        : issue.origin === "array"
          ? { type: "too_short", msg: `must have at least ${issue.minimum} entries` }
          : { type: "greater_than_equal", msg: `must be at least ${issue.minimum}` };
    case "too_big":
      return issue.origin === "string"
        ? { type: "string_too_long", msg: `must have at most ${issue.maximum} characters` }
        : issue.origin === "array"
          ? { type: "too_long", msg: `must have at most ${issue.maximum} entries` }
          : { type: "less_than_equal", msg: `must be at most ${issue.maximum}` };
    case "not_multiple_of":
      return { type: "multiple_of", msg: `must be a multiple of ${issue.divisor}` };
    case "invalid_value":
      return { type: "literal_error", msg: `must be one of ${issue.values.join(", ")}` };
    default:
      return { type: "value_error", msg: issue.message };
  }
}

function wrongType(expected: string, value: unknown): Description {
  switch (expected) {
    case "int":
      if (typeof value === "string") return { type: "int_parsing", msg: "must be an integer" };
      return typeof value === "number" && Number.isFinite(value)
        ? { type: "int_from_float", msg: "must be an integer" }
        : { type: "int_type", msg: "must be an integer" };
    case "number":
      if (typeof value === "number") return { type: "finite_number", msg: "must be a finite number" };
      return { type: typeof value === "string" ? "float_parsing" : "float_type", msg: "must be a number" };
    case "boolean": {
      const isText = typeof value === "string" || typeof value === "number";
      return { type: isText ? "bool_parsing" : "bool_type", msg: "must be true or false" };
    }
    case "string":
      return { type: "string_type", msg: "must be a string" };
    case "array":
      return { type: "list_type", msg: "must be a list" };
    default:
      return { type: "dict_type", msg: "must be an object" };
  }
}

function member(owner: unknown, step: string | number): unknown {
  return typeof owner === "object" && owner !== null ? Reflect.get(owner, step) : undefined;
}
