import { readFileSync } from "node:fs";
import { keySigner } from "@rivulet/crypto";
import { OrchestratorDirectory } from "@rivulet/gateway";
import { minutes, RivuletError, Sequence, wei } from "@rivulet/primitives";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import { isPublicNetwork } from "../config/schema.ts";
import { tlsIdentity } from "../config/tls-files.ts";
import { Late } from "../late.ts";
import { senderOf } from "../money/sender.ts";
import { LiveLimits } from "../pricing/live-limits.ts";
import { StoredSignerBook } from "../signer/book.ts";
import { askWebhook, callersByKey } from "../signer/callers.ts";
import { headerPairs } from "../signer/header-pairs.ts";
import { RemoteSigner } from "../signer/remote-signer.ts";
import { LOOPBACK, SignerServer } from "../signer/server.ts";

/** What a caller's budget is for. */
const BUDGET_PERIOD = minutes(24 * 60);

/** Holds a gateway's key, and pays for it. */
export function signerRole({ settings, prices }: Configuration, ports: RolePorts): RoleNode {
  const { httpAddr, callers, authWebhook, authWebhookHeaders, allowNoAuth, callerBudget } = settings.signer;
  const { tlsCertificate, tlsKey, remoteDiscovery } = settings.signer;
  const problems: ConfigProblem[] = [];
  const isGuarded = callers !== undefined || authWebhook !== undefined;
  if (ports.chain === undefined) problems.push({ path: "-network", message: "a signer is on a chain: say which" });
  if (!isGuarded && !(allowNoAuth && LOOPBACK.has(httpAddr.host)))
    problems.push({
      path: "-apiKeys",
      message:
        "whoever reaches a signer spends its deposit: give -apiKeys or -remoteSignerWebhookUrl, or on a loopback address waive both with -remoteSignerAllowNoAuth",
    });
  const identity = tlsIdentity({ certificate: tlsCertificate, key: tlsKey }, problems);
  const { chain } = ports;
  if (problems.length > 0 || chain === undefined) throw new RivuletError("config.invalid", { problems });
  const admit = callers === undefined ? () => "" : callersByKey(readKeys(callers), callers);
  const webhook =
    authWebhook === undefined ? undefined : { url: authWebhook.href, headers: headerPairs(authWebhookHeaders) };
  const made = new Late(() => {
    const { parts } = chain;
    const limits = new LiveLimits(prices.signer, parts.rates);
    ports.reload?.add(({ signer }) => limits.replace(signer));
    const account = keySigner(parts.key.bytes());
    const directory = remoteDiscovery
      ? new OrchestratorDirectory(
          { publicOnly: isPublicNetwork(settings.network) },
          { ...ports, pool: parts.chain.pool, signer: account, limits },
        )
      : undefined;
    const signer = new RemoteSigner(
      { budget: callerBudget === undefined ? undefined : { amount: wei(callerBudget), period: BUDGET_PERIOD } },
      {
        ...ports,
        sender: senderOf(settings.signer, parts, ports.clock),
        signer: account,
        key: parts.key.bytes(),
        book: new StoredSignerBook(parts.notes),
        ledger: parts.store,
        limits,
        admit,
        ask: webhook && ((headers, state, type) => askWebhook(webhook, headers, state, type)),
      },
    );
    const server = new SignerServer({ ...httpAddr, identity }, { signer, directory, log: ports.log });
    return Object.assign(new Sequence(directory === undefined ? [server] : [directory, server]), { server });
  });
  return {
    role: "signer",
    start: () => made.start(),
    stop: () => made.stop(),
    get address() {
      return made.made.server.address;
    },
  };
}

function readKeys(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new RivuletError("config.invalid", { problems: [{ path, message: "cannot be read" }] }, { cause });
  }
}
