import { join } from "node:path";
import { Store, type StorePorts } from "@rivulet/store";

export interface BooksOptions {
  readonly dataDir: string;
  readonly chainId: number;
}

/** Where a node with money keeps what must not be lost. */
export function booksFile(dataDir: string): string {
  return join(dataDir, "rivulet.sqlite");
}

/** Opens a node's books. Throws "store.*", each with what to do about it. */
export function openBooks({ dataDir, chainId }: BooksOptions, ports: StorePorts): Promise<Store> {
  return Store.open({ file: booksFile(dataDir), chainId }, ports);
}
