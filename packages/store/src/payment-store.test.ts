import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ms } from "@rivulet/primitives";
import { paymentStoreContract, TestClock } from "@rivulet/testkit";
import { Store } from "./store.ts";

paymentStoreContract("embedded", async () => {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-store-"));
  const open = () => Store.open({ file: join(directory, "rivulet.db") }, { clock: new TestClock(ms(0)) });
  let store = await open();
  return {
    store: store.payments,
    reopen: async () => {
      await store.close();
      store = await open();
      return store.payments;
    },
    stop: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
});
