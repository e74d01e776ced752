import { readErrorBody } from "@rivulet/wire";

/** The one field of a request that an error body of ours finds fault with; `undefined` when it names none, or several. */
export function blamedField(body: string): string | undefined {
  const facts = readErrorBody(body)?.facts ?? {};
  if ("field" in facts) return facts.field;
  if (!("problems" in facts)) return undefined;
  const fields = new Set(facts.problems.map((problem) => ("loc" in problem ? String(problem.loc[1]) : problem.path)));
  return fields.size === 1 ? [...fields][0] : undefined;
}
