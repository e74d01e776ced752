import { RpcFailure } from "../src/index.ts";

/** The contract's own words for why it refused. */
export async function reason(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof RpcFailure ? error.message.replace("execution reverted: ", "") : `no refusal: ${error}`;
}

export const NO_REFUSAL = "no refusal: undefined";

/** The numbers of a vector, which are written as texts. */
export function amounts<Name extends string>(fields: unknown): Record<Name, bigint> {
  const texts = Object.entries(fields as Record<string, unknown>).filter(([, value]) => typeof value === "string");
  return Object.fromEntries(texts.map(([name, value]) => [name, BigInt(String(value))])) as Record<Name, bigint>;
}
