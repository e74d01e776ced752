import type { Runner } from "../runner.ts";

/** A page for people who open the runner in a browser: what it serves and where the description for programs is. */
export function docsPage(runner: Runner): string {
  const rows = runner.health.models.map(
    ({ pipeline, model_id, state }) =>
      `<tr><td>POST /${escaped(pipeline)}</td><td>${escaped(model_id)}</td><td>${state}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<title>Rivulet runner</title>
<h1>Rivulet runner</h1>
<p>The interface is described in <a href="/openapi.json">openapi.json</a>; how the runner does is in
<a href="/health">health</a> and <a href="/metrics">metrics</a>.</p>
<table>
<tr><th>route</th><th>model</th><th>state</th></tr>
${rows.join("\n")}
</table>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
