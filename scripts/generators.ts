/** The programs that write what is derived from other files; with `--check` each compares instead. */
export const generators: readonly { readonly name: string; readonly script: string }[] = [
  { name: "OpenAPI document", script: "packages/pipelines/scripts/generate-openapi.ts" },
  { name: "reference pages", script: "packages/pipelines/scripts/generate-reference.ts" },
  { name: "command line page", script: "packages/node/scripts/generate-cli-reference.ts" },
  { name: "contracts of the local chain", script: "packages/devnet/scripts/compile.ts" },
];
