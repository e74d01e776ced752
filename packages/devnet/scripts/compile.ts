/**
 * Compiles contracts/*.sol into src/gen: `node packages/devnet/scripts/compile.ts`. With `--check` it compiles and only
 * says whether what is there is current.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import solc from "solc";

/** The part of the compiler's answer that is used. */
interface Output {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>;
}

interface CompiledContract {
  readonly abi: readonly unknown[];
  readonly evm: { readonly bytecode: { readonly object: string } };
}

const contracts = new URL("../contracts/", import.meta.url);
const gen = new URL("../src/gen/", import.meta.url);
const command = "node packages/devnet/scripts/compile.ts";

const compiled = compile();
const files = new Map(compiled.map(([name, contract]) => [fileName(name), source(name, contract)]));
const stale = [...files].filter(([file, text]) => current(file) !== text).map(([file]) => file);
const left = existing().filter((file) => !files.has(file));

if (process.argv.includes("--check")) {
  for (const file of [...stale, ...left]) console.error(`packages/devnet/src/gen/${file} is stale: run ${command}`);
  process.exitCode = stale.length + left.length === 0 ? 0 : 1;
} else {
  mkdirSync(gen, { recursive: true });
  for (const file of left) rmSync(new URL(file, gen));
  for (const file of stale) {
    writeFileSync(new URL(file, gen), files.get(file) ?? "");
    console.log(`wrote packages/devnet/src/gen/${file}`);
  }
}

/** Contracts that can be deployed, by name. Warnings count as errors. */
function compile(): readonly (readonly [string, CompiledContract])[] {
  const sources = readdirSync(contracts)
    .sort()
    .map((file) => [file, { content: readFileSync(new URL(file, contracts), "utf8") }] as const);
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(sources),
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: true, runs: 200 },
      // No hash of the sources in the code: a comment that changes does not change the contract.
      metadata: { appendCBOR: false, bytecodeHash: "none" },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const output: Output = JSON.parse(solc.compile(JSON.stringify(input)));
  for (const { formattedMessage } of output.errors ?? []) console.error(formattedMessage);
  if (output.contracts === undefined || (output.errors ?? []).length > 0) process.exit(1);
  return Object.values(output.contracts)
    .flatMap((inFile) => Object.entries(inFile))
    .filter(([name, { evm }]) => evm.bytecode.object !== "" && !isLibrary(name));
}

/** Libraries without external functions end up inside the contracts that use them. */
function isLibrary(name: string): boolean {
  return readFileSync(new URL(`${name}.sol`, contracts), "utf8").includes(`\nlibrary ${name} `);
}

function fileName(name: string): string {
  return `${name.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()}.ts`;
}

function source(name: string, { abi, evm }: CompiledContract): string {
  const constant = name.charAt(0).toLowerCase() + name.slice(1);
  return [
    `// Made by \`${command}\` from contracts/${name}.sol.`,
    `export const ${constant} = {`,
    `  name: "${name}",`,
    "  abi: [",
    ...abi.map((item) => `    ${JSON.stringify(item)},`),
    "  ],",
    `  bytecode: "0x${evm.bytecode.object}",`,
    "} as const;",
    "",
  ].join("\n");
}

function existing(): readonly string[] {
  try {
    return readdirSync(gen);
  } catch {
    return [];
  }
}

function current(file: string): string | undefined {
  try {
    return readFileSync(new URL(file, gen), "utf8");
  } catch {
    return undefined;
  }
}
