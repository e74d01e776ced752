import { MemoryPaymentStore, type PaymentStore } from "@rivulet/payments";
import type { Clock, Logger } from "@rivulet/primitives";

/** What a node with money keeps on disk. */
export interface Books {
  readonly payments: PaymentStore;
  close(): Promise<void>;
}

export interface BooksOptions {
  readonly dataDir: string;
  readonly chainId: number;
}

/** Opens a node's books. */
export async function openBooks(
  _options: BooksOptions,
  _ports: { readonly clock: Clock; readonly log: Logger },
): Promise<Books> {
  return { payments: new MemoryPaymentStore(), close: async () => {} };
}
