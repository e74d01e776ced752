import { expect, test } from "vitest";
import { ask, at, codeIn } from "./harness/ask.ts";
import { MoneyStage, PRICE } from "./harness/money.ts";
import { offers } from "./harness/network.ts";
import { request } from "./harness/scripted-runner.ts";

const KEY = "0123456789abcdef-a-key";
const PICTURE = BigInt(64 * 64 * PRICE);

async function signerOn(stage: MoneyStage, args: readonly string[]) {
  await stage.devnet.fundSender(stage.account(1).address, { deposit: 10n ** 18n, reserve: 10n ** 18n });
  const callers = stage.write("callers", `a-gateway ${KEY}\nanother fedcba9876543210-its-key\n`);
  const flags = [...(await stage.onChain(1)), "-httpAddr=127.0.0.1:0", `-apiKeys=${callers}`, ...args];
  return stage.node("signer", flags, { dataDir: stage.path("signer") });
}

test("a gateway without a key pays through a signer, which knows it and keeps to its budget", async () => {
  await using stage = await MoneyStage.start();
  const seller = await stage.seller(2);
  await stage.devnet.nextRound();
  // One ticket pays some fifty pictures; two of them are the budget.
  const signer = await signerOn(stage, ["-callerBudget=2000 gwei"]);
  const gateway = await stage.gateway(
    [seller.node],
    [`-remoteSignerUrl=${signer.address}`, `-remoteSignerHeaders=Authorization: Bearer ${KEY}`],
  );
  await offers(gateway, 1);
  const answer = await ask(gateway, "/text-to-image", request);
  expect([answer.status, answer.headers.get("x-units")]).toEqual([200, "4096"]);
  expect(BigInt(answer.headers.get("x-cost-wei")?.split("/")[0] ?? 0)).toBeGreaterThan(PICTURE);
  let last = answer;
  for (let job = 0; job < 150 && last.status === 200; job += 1) last = await ask(gateway, "/text-to-image", request);
  expect([last.status === 200, codeIn(last)]).toEqual([false, "signer.budget-exhausted"]);
  await gateway.stop();
  await signer.stop();
  await seller.node.stop();
  const chain = [
    "-network=local",
    `-ethUrl=${stage.devnet.url}`,
    `-ethController=${stage.devnet.addresses.controller}`,
  ];
  const directories = [`-dataDir=${stage.path("signer")}`, `-with=${seller.dataDir}`];
  const { status, stdout, stderr } = await stage.rivulet("reconcile", "-json", ...directories, ...chain);
  expect([status, stderr]).toEqual([0, ""]);
  expect(at(JSON.parse(stdout), "payee", "tickets")).toBe(at(JSON.parse(stdout), "payer", "tickets"));
});

test("a signer signs nothing for strangers, and does not start open to them unless that is waived on loopback", async () => {
  await using stage = await MoneyStage.start();
  const signer = await signerOn(stage, []);
  const post = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${signer.address}${path}`, { method: "POST", headers, body: "{}" });
  for (const path of ["/sign-orchestrator-info", "/generate-live-payment"]) {
    expect((await post(path)).status).toBe(401);
    expect((await post(path, { authorization: "Bearer 0123456789abcdef-no-key" })).status).toBe(401);
  }
  const known = { authorization: `Bearer ${KEY}` };
  const told = await (await post("/sign-orchestrator-info", known)).json();
  expect(String(at(told, "address")).toLowerCase()).toBe(stage.account(1).address);
  const missing = await post("/generate-live-payment", known);
  expect([missing.status, await missing.text()]).toEqual([400, expect.stringContaining("missing orchestrator")]);
  await signer.stop();

  const flags = await stage.onChain(1);
  const open = await stage.rivulet("signer", ...flags, "-httpAddr=127.0.0.1:0", `-dataDir=${stage.path("open")}`);
  expect([open.status, open.stderr]).toEqual([2, expect.stringContaining("-remoteSignerAllowNoAuth")]);
  const reachable = ["-httpAddr=0.0.0.0:0", "-remoteSignerAllowNoAuth", `-dataDir=${stage.path("open")}`];
  expect((await stage.rivulet("signer", ...flags, ...reachable)).status).toBe(2);
  const waived = await stage.node("signer", [...flags, "-httpAddr=127.0.0.1:0", "-remoteSignerAllowNoAuth"]);
  expect((await fetch(`${waived.address}/sign-orchestrator-info`, { method: "POST" })).status).toBe(200);
});
