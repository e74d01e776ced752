import type { FieldProblem } from "@rivulet/primitives";
import type { z } from "zod";
import { type FieldKind, fieldKind } from "./field-kind.ts";

/** More of them in one request help nobody. */
const MAX_PROBLEMS = 100;

/** What is wrong with a body, in the form and with the types that clients of the published API know. */
export function problemsOf(schema: z.ZodObject, error: z.ZodError, body: unknown): readonly FieldProblem[] {
  const problems = error.issues.slice(0, MAX_PROBLEMS).map((issue) => {
    const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
    const value = path.reduce(member, body);
    return {
      loc: ["body", ...path],
      ...(value === undefined ? MISSING : describe(issue, kindAt(schema, path), value)),
    };
  });
  // A whole number is bounded as such before the field's own bound, which says more.
  return [...new Map(problems.map((problem) => [`${problem.type} ${problem.loc.join(".")}`, problem])).values()];
}

type Description = Omit<FieldProblem, "loc">;

const MISSING: Description = { msg: "is required", type: "missing" };

function describe(issue: z.core.$ZodIssue, kind: FieldKind | undefined, value: unknown): Description {
  switch (issue.code) {
    case "invalid_type":
      return kind === undefined || kind === "structure" ? wrongStructure(issue.expected) : wrongKind[kind](value);
    case "too_small":
      return (
        tooSmall[issue.origin]?.(issue.minimum) ?? {
          msg: `must be at least ${issue.minimum}`,
          type: "greater_than_equal",
        }
      );
    case "too_big":
      return (
        tooBig[issue.origin]?.(issue.maximum) ?? { msg: `must be at most ${issue.maximum}`, type: "less_than_equal" }
      );
    case "not_multiple_of":
      return { msg: `must be a multiple of ${issue.divisor}`, type: "multiple_of" };
    case "invalid_value":
      return { msg: `must be one of ${issue.values.join(", ")}`, type: "literal_error" };
    default:
      return { msg: issue.message, type: "value_error" };
  }
}

/** Bounds of what is counted; everything else is bounded as a number. */
const tooSmall: Readonly<Record<string, (minimum: number | bigint) => Description>> = {
  string: (minimum) => ({
    msg: minimum === 1 ? "must not be empty" : `must have at least ${minimum} characters`,
    type: "string_too_short",
  }),
  array: (minimum) => ({
    msg: minimum === 1 ? "must not be empty" : `must have at least ${minimum} entries`,
    type: "too_short",
  }),
};
const tooBig: Readonly<Record<string, (maximum: number | bigint) => Description>> = {
  string: (maximum) => ({ msg: `must have at most ${maximum} characters`, type: "string_too_long" }),
  array: (maximum) => ({ msg: `must have at most ${maximum} entries`, type: "too_long" }),
};

const wrongKind: Readonly<Record<Exclude<FieldKind, "structure">, (value: unknown) => Description>> = {
  integer: (value) => ({
    msg: "must be an integer",
    type: typeof value === "string" ? "int_parsing" : Number.isFinite(value) ? "int_from_float" : "int_type",
  }),
  number: (value) =>
    typeof value === "number"
      ? { msg: "must be a finite number", type: "finite_number" }
      : { msg: "must be a number", type: typeof value === "string" ? "float_parsing" : "float_type" },
  boolean: (value) => ({
    msg: "must be true or false",
    type: typeof value === "string" || typeof value === "number" ? "bool_parsing" : "bool_type",
  }),
  string: () => ({ msg: "must be a string", type: "string_type" }),
};

function wrongStructure(expected: string): Description {
  if (expected === "string") return wrongKind.string(undefined);
  return expected === "array"
    ? { msg: "must be a list", type: "list_type" }
    : { msg: "must be an object", type: "dict_type" };
}

/** The kind of a field of the body itself; what lies deeper, and the body, have none. */
function kindAt(schema: z.ZodObject, [name, ...deeper]: readonly (string | number)[]): FieldKind | undefined {
  const field = typeof name === "string" && deeper.length === 0 ? schema.shape[name] : undefined;
  return field === undefined ? undefined : fieldKind(field);
}

function member(owner: unknown, step: string | number): unknown {
  return typeof owner === "object" && owner !== null && Object.hasOwn(owner, step)
    ? Reflect.get(owner, step)
    : undefined;
}
