import { openApiDocument } from "@rivulet/pipelines";
import { settle, version } from "./generated-files.ts";

/** The OpenAPI documents of the two interfaces, as the roles serve them. */
const documents = {
  "docs/reference/openapi.json": openApiDocument({ audience: "gateway", version: version() }),
  "docs/reference/openapi-runner.json": openApiDocument({ audience: "runner", version: version() }),
};

settle(
  Object.fromEntries(
    Object.entries(documents).map(([path, document]) => [path, `${JSON.stringify(document, null, 2)}\n`]),
  ),
  "packages/pipelines/scripts/generate-openapi.ts",
);
