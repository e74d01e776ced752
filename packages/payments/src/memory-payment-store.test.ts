import { paymentStoreContract } from "@rivulet/testkit";
import { MemoryPaymentStore } from "./memory-payment-store.ts";

paymentStoreContract("memory", async () => ({ store: new MemoryPaymentStore(), stop: async () => {} }));
