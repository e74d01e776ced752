import { readdirSync, readFileSync } from "node:fs";
import { answerHeaders, deliveryWords, fieldKind, type Pipeline, pipelines, responseFormat } from "@rivulet/pipelines";
import { errorKinds } from "@rivulet/primitives";
import { z } from "zod";
import { root, settle } from "./generated-files.ts";

const COMMAND = "packages/pipelines/scripts/generate-reference.ts";
const NOTE = `<!-- Made by \`node ${COMMAND}\`. -->\n`;

function errorsPage(): string {
  const rows = Object.entries(errorKinds).map(([code, kind]) => [
    `\`${code}\``,
    kind.http,
    retryText[kind.retry],
    kind.text,
  ]);
  return page(
    "Errors",
    "Every error has a code. Codes are never renamed or reused; a retired one stays listed at the end.",
    "An application sees the status and the body",
    code('{"error": {"code", "message", "retryable", "facts"}, "detail": {"msg"}}', "json"),
    "For `request.invalid`, `detail` is a list of `{loc, msg, type}`, one a field. Read `code`; messages are for people and change.",
    table(["Code", "Status", "Who should try again", "Meaning"], rows),
    "## Retired",
    "None.",
  );
}

/** The constants of every package's `limits.ts` with the comment that stands above them. */
async function limitsPage(): Promise<string> {
  const sections: string[] = [];
  for (const name of readdirSync(`${root}packages`).sort()) {
    const path = `packages/${name}/src/limits.ts`;
    const source = readIfThere(path);
    if (source === undefined) continue;
    const values: Record<string, unknown> = await import(root + path);
    const rows = [
      ...source.matchAll(/(?:\/\*\*(?<reason>[\s\S]*?)\*\/\n)?export const (?<name>\w+)(?<made>[^;]*)/g),
    ].map((match) => {
      const { name: constant = "", reason = "", made = "" } = match.groups ?? {};
      const value = values[constant];
      const isDuration = typeof value === "number" && /= (?:ms|seconds|minutes)\(/.test(made);
      const text = isDuration
        ? durationText(value)
        : `${valueText(value)}${constant.endsWith("_BYTES") ? " bytes" : ""}`;
      return [`\`${constant}\``, text, reason.replace(/\s*\n\s*\*?\s*/g, " ").trim()];
    });
    sections.push(`## ${name}`, table(["Limit", "Value", "Reason"], rows));
  }
  return page("Limits", "What a node refuses rather than do, by the package that enforces it.", ...sections);
}

const UNITS = { day: 86_400_000, hour: 3_600_000, minute: 60_000, second: 1000, millisecond: 1 } as const;

/** A number of milliseconds in the largest unit that makes it whole: `100 days`. */
function durationText(milliseconds: number): string {
  const [unit = "", size = 1] = Object.entries(UNITS).find((each) => milliseconds % each[1] === 0) ?? [];
  const count = milliseconds / size;
  return `${valueText(count)} ${unit}${count === 1 ? "" : "s"}`;
}

function httpApiPage(): string {
  return page(
    "HTTP interface",
    "One `POST` route a pipeline, at a gateway for applications and, in the same form, at orchestrators and runners. The same as OpenAPI: [gateway](openapi.json), [runner](openapi-runner.json); every node serves its own at `/openapi.json`.",
    "Requests with files are `multipart/form-data`, all others JSON. Fields that are not known are ignored, `null` is refused, and an empty text in multipart counts as a field left out.",
    table(
      ["Pipeline", "What it does", "Billed in"],
      pipelines.map(({ name, summary, unit }) => [`[${name}](#${name})`, summary, unit]),
    ),
    "## At a gateway",
    `Requests whose answers have files also take \`response_format\`, one of ${Object.keys(deliveryWords)
      .map((word) => `\`${word}\``)
      .join(
        ", ",
      )}, or the header \`Prefer: media=url\` or \`Prefer: media=data\`; the field goes before the header. ${responseFormat.description}`,
    table(
      ["Answer header", "What it says"],
      Object.entries(answerHeaders.shape).map(([name, schema]) => [`\`${name}\``, schema.description]),
    ),
    "An error has `X-Request-Id` too, and a 503 says in `Retry-After` when to come back.",
    ...pipelines.filter(({ answersLater }) => answersLater === true).map(laterText),
    ...pipelines.flatMap(pipelineSection),
  );
}

function laterText({ name }: Pipeline): string {
  return `With \`Prefer: respond-async\` \`/${name}\` answers 202 and \`{"request_id": "…"}\` at once. \`POST /${name}/result\` with that body answers 202 and \`{"status": "processing"}\`, then 200 and \`{"status": "complete", "result": …}\`: the answer, or the error, of the job. 400 is a request that is not known, or no longer.`;
}

function pipelineSection(pipeline: Pipeline): readonly string[] {
  const { name, summary, operationId, request, media, defaultModel, response } = pipeline;
  const files = Object.entries(media).map(([field, kind]) => [`\`${field}\``, `${kind} file`, "required", "", ""]);
  const fields = Object.entries(request.shape).map(([field, schema]) => {
    const kind = fieldKind(schema);
    const { type, anyOf, default: usual, description = "", ...bounds } = z.toJSONSchema(schema);
    const isRequired = !schema.safeParse(undefined).success;
    return [
      `\`${field}\``,
      kind === "structure" ? (type ?? anyOf?.map((either) => either.type).join(" or ")) : kind,
      isRequired ? "required" : usual === undefined ? "" : `\`${JSON.stringify(usual)}\``,
      boundsText(bounds),
      description,
    ];
  });
  return [
    `## ${name}`,
    `${summary} \`POST /${name}\`, operation \`${operationId}\`, answers \`${response.meta()?.id ?? "JSON"}\`. The model is \`${defaultModel}\` when neither the request nor the gateway's configuration names one.`,
    table(["Field", "Type", "Default", "Allowed", "Meaning"], [...files, ...fields]),
  ];
}

const retryText = { "same-peer": "the same peer", "other-peer": "another peer", never: "nobody" } as const;
interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

function boundsText({ minimum, maximum, multipleOf, minLength, maxLength }: Bounds): string {
  return [
    range(minimum, maximum, ""),
    multipleOf === undefined ? "" : `multiples of ${multipleOf}`,
    range(minLength, maxLength, " characters"),
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function range(from: number | undefined, to: number | undefined, of: string): string {
  if (to === undefined) return "";
  return from === undefined ? `up to ${valueText(to)}${of}` : `${valueText(from)} to ${valueText(to)}${of}`;
}

function valueText(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint" ? value.toLocaleString("en-US") : JSON.stringify(value);
}

function page(title: string, ...parts: readonly string[]): string {
  return `${[NOTE.trim(), `# ${title}`, ...parts].join("\n\n")}\n`;
}

function code(text: string, language: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(root + path, "utf8");
  } catch {
    return undefined;
  }
}

settle(
  {
    "docs/reference/errors.md": errorsPage(),
    "docs/reference/limits.md": await limitsPage(),
    "docs/reference/http-api.md": httpApiPage(),
  },
  COMMAND,
);
