import type { ErrorCode, FieldProblem, RivuletError } from "@rivulet/primitives";
import { readErrorBody } from "@rivulet/wire";
import { peerError, toldError } from "../peer-error.ts";

/** A runner's answer that is not a result. */
export interface RunnerRefusal {
  readonly pipeline: string;
  readonly model: string;
  readonly status: number;
  readonly body: string;
}

/** What a runner of the network means by a status. Source: runner-and-models 1.2.3, 9.6. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  400: "request.rejected-by-model",
  413: "request.too-large",
  415: "request.media-unsupported",
  422: "request.invalid",
  499: "request.cancelled",
  503: "runner.unavailable",
};

/** The error behind a runner's answer: as ours tell it, else by the status; anything unheard of is the runner's failure. */
export function runnerError({ pipeline, model, status, body }: RunnerRefusal): RivuletError {
  const told = readErrorBody(body);
  if (told !== undefined) return toldError(told, "runner.unavailable");
  const { text, problems } = detailOf(body);
  const reason = text === "" ? `the runner answered ${status}` : text;
  return peerError(byStatus[status] ?? "runner.failed", {
    pipeline,
    model,
    reason,
    ...(problems !== undefined && { problems }),
  });
}

interface Detail {
  readonly text: string;
  readonly problems?: readonly FieldProblem[];
}

/** `{"detail":{"msg":…}}`, `{"detail":[{loc,msg,type},…]}`, or whatever else was written. */
function detailOf(body: string): Detail {
  const detail = memberOf(parsed(body), "detail");
  const msg = memberOf(detail, "msg");
  const text = typeof msg === "string" ? msg : detail;
  if (typeof text === "string") return { text: text.slice(0, MAX_DETAIL_LENGTH) };
  if (!Array.isArray(detail)) return { text: body.trim().slice(0, MAX_TEXT_LENGTH) };
  const problems = detail.flatMap((item: unknown) => problemOf(item));
  return problems.length > 0 ? { text: "the request has invalid fields", problems } : { text: "" };
}

/** Of an error that somebody may read. */
const MAX_DETAIL_LENGTH = 1000;
/** Of a body that is no error of the schema. Source: runner-and-models 3.7. */
const MAX_TEXT_LENGTH = 200;

function problemOf(item: unknown): readonly FieldProblem[] {
  const [loc, msg, type] = [memberOf(item, "loc"), memberOf(item, "msg"), memberOf(item, "type")];
  if (!Array.isArray(loc) || typeof msg !== "string") return [];
  const path = loc.filter((step: unknown) => typeof step === "string" || typeof step === "number");
  return [{ loc: path, msg, type: typeof type === "string" ? type : "value_error" }];
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
