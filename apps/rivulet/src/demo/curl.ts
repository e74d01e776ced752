import { formText } from "./ask.ts";
import type { Demonstration } from "./demonstration.ts";

/** The line that asks the same, or something like it, from a shell. `files`: for each field the path that is sent. */
export function curlLine(
  gateway: string,
  { pipeline }: Demonstration,
  fields: Demonstration["fields"],
  files: ReadonlyMap<string, string>,
): string {
  const url = `curl ${gateway}/${pipeline}`;
  if (files.size === 0) return `${url} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(fields))}`;
  const parts = [
    ...Object.entries(fields).map(([name, value]) => `-F ${quoted(`${name}=${formText(value)}`)}`),
    ...[...files].map(([field, path]) => `-F ${quoted(`${field}=@${path}`)}`),
  ];
  return [url, ...parts].join(" ");
}

/** A word for the shell, whatever is in it. */
function quoted(text: string): string {
  return /^[\w=@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
