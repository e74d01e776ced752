import { connectChain, encryptKeystore, local, PrivateKey } from "@rivulet/chain";
import { type DevelopmentAccount, type Devnet, startDevnet } from "@rivulet/devnet";
import { ChainReader, secureRandomness, systemClock } from "@rivulet/node";
import { ms } from "@rivulet/primitives";
import { FakeRunner } from "@rivulet/testkit";
import { expect, test } from "vitest";
import { modelsOf } from "./harness/network.ts";
import { eventually, Stage } from "./harness/stage.ts";

const ETHER = 10n ** 18n;
/** More than redeeming costs, and for one wei more than it is worth a ticket is all but sure to win. */
const TICKET_VALUE = 100_000_000_000_000n;
const FACE_VALUE = TICKET_VALUE + 1n;
const JOBS = 3;
/** Blocks come this often: rounds pass, but not before a winner is redeemed. */
const BLOCK_TIME = ms(2_000);
/** A key that everybody knows needs no protection. */
const CHEAP = { n: 2, p: 1 };
const PASSPHRASE = "a key that everybody knows";
/** Past the 40 blocks for which parameters are good. */
const PAST_EXPIRY = 41n;

/** The flags that put a node on the chain with this account. */
async function onChain(stage: Stage, devnet: Devnet, name: string, account: DevelopmentAccount) {
  const ports = { randomness: secureRandomness };
  const text = await encryptKeystore(PrivateKey.fromHex(account.privateKey), PASSPHRASE, ports, CHEAP);
  return [
    "-network=local",
    `-ethUrl=${devnet.url}`,
    `-ethController=${devnet.addresses.controller}`,
    `-ethKeystorePath=${stage.write(`${name}-key.json`, text)}`,
    `-ethPassword=file:${stage.write("passphrase", PASSPHRASE)}`,
  ];
}

test("two orchestrators of one operator are paid through one redeemer, which may come late", async () => {
  await using resources = new AsyncDisposableStack();
  const devnet = await startDevnet({ blockTime: BLOCK_TIME }, { clock: systemClock });
  resources.defer(() => devnet.stop());
  const runner = new FakeRunner([{ pipeline: "text-to-image", model: "m" }]);
  await runner.start();
  resources.defer(() => runner.stop());
  const stage = resources.use(new Stage());
  const [, payer, operator, helper] = devnet.accounts;
  if (payer === undefined || operator === undefined || helper === undefined) throw new Error("too few accounts");

  const { controller } = devnet.addresses;
  const chain = await connectChain({ network: { ...local, controller }, urls: [devnet.url] }, { clock: systemClock });
  resources.defer(() => chain.stop());
  const reader = new ChainReader(chain);
  const earned = async () => (await reader.stake(operator.address)).fees;

  const secret = `-redeemerSecret=file:${stage.write("secret", "sesame")}`;
  const redeems = [...(await onChain(stage, devnet, "helper", helper)), `-ethOrchAddr=${operator.address}`, secret];
  const first = await stage.node("redeemer", [...redeems, "-httpAddr=127.0.0.1:0"]);
  const at = new URL(first.address).host;

  const models = stage.write(
    "models.json",
    JSON.stringify([
      { pipeline: "text-to-image", model_id: "m", warm: true, url: runner.url, price_per_unit: 4_768_371 },
    ]),
  );
  const sells = [
    ...(await onChain(stage, devnet, "operator", operator)),
    `-aiModels=${models}`,
    `-ticketEV=${TICKET_VALUE}`,
    `-maxFaceValue=${FACE_VALUE}`,
    `-redeemerAddr=${at}`,
    secret,
  ];
  const sellers = [await stage.orchestrator(sells), await stage.orchestrator(sells)];
  await devnet.registerOrchestrator(operator.address, { serviceUri: sellers[0]?.address ?? "" });
  await devnet.nextRound();
  await devnet.fundSender(payer.address, { deposit: ETHER, reserve: ETHER });
  const gateway = await stage.gateway(sellers, [
    ...(await onChain(stage, devnet, "payer", payer)),
    `-maxTicketEV=${2n * TICKET_VALUE}`,
    `-maxTotalEV=${10n * TICKET_VALUE}`,
  ]);
  await eventually("terms of both", async () => {
    const models = await modelsOf(gateway);
    return (models.length === 2 && models.every(({ objection }) => objection === null)) || undefined;
  });
  // It has told what the gateway is good for; winners wait for it from now on.
  await first.stop();

  for (let job = 0; job < JOBS; job += 1) {
    const answer = await fetch(`${gateway.address}/text-to-image`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "p", model_id: "m", width: 512, height: 512 }),
    });
    expect([answer.status, answer.headers.get("x-units")]).toEqual([200, `${512 * 512}`]);
  }
  await devnet.mine(PAST_EXPIRY);
  expect(await earned()).toBe(0n);

  await stage.node("redeemer", [...redeems, `-httpAddr=${at}`]);
  const fees = await eventually("a winner that is paid", async () => (await earned()) || undefined);
  expect(fees % FACE_VALUE).toBe(0n);
});
