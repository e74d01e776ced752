import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../../../vectors/pipelines/", import.meta.url);
const unread = new Set(readdirSync(folder));

/** The vectors in `vectors/pipelines/NAME.json`, marked as read. */
export function vectors<V>(name: string): V {
  unread.delete(`${name}.json`);
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
}

/** Files that no test has asked for. */
export function unreadVectors(): readonly string[] {
  return [...unread];
}
