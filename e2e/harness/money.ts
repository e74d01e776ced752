import { execFile } from "node:child_process";
import { join } from "node:path";
import { type Chain, connectChain, encryptKeystore, local, PrivateKey } from "@rivulet/chain";
import {
  type DevelopmentAccount,
  type Devnet,
  type DevnetOptions,
  type SenderFunding,
  startDevnet,
} from "@rivulet/devnet";
import { ChainReader, type NodeProcess, secureRandomness, systemClock } from "@rivulet/node";
import type { PeerTotals } from "@rivulet/payments";
import { Store } from "@rivulet/store";
import { FaultyEndpoint } from "@rivulet/testkit";
import { ScriptedRunner } from "./scripted-runner.ts";
import { eventually, MAIN, type NodeOptions, Stage } from "./stage.ts";

const ETHER = 10n ** 18n;
/** A key that everybody knows needs no protection. */
const CHEAP = { n: 2, p: 1 };
const PASSPHRASE = "a key that everybody knows";
/** Wei a pixel: a picture of 64 by 64 costs some 2e10 wei. */
export const PRICE = 4_768_371;
/** More than redeeming costs, and for one wei more than it is worth a ticket is all but sure to win. */
export const TICKET_VALUE = 100_000_000_000_000n;
export const FACE_VALUE = TICKET_VALUE + 1n;
/** Tickets that are all but sure to win, for an orchestrator. */
export const CERTAIN: readonly string[] = [`-ticketEV=${TICKET_VALUE}`, `-maxFaceValue=${FACE_VALUE}`];
/** And the limits with which a gateway pays with them. */
export const GENEROUS: readonly string[] = [`-maxTicketEV=${2n * TICKET_VALUE}`, `-maxTotalEV=${1000n * TICKET_VALUE}`];
/** Blocks: tests step by a hundred or two, and tickets are good for two rounds. */
const ROUND_LENGTH = 300n;
/** Past the 40 blocks for which ticket parameters are good. */
export const PAST_EXPIRY = 41n;
/** Past the blocks after which a redemption counts as final. */
export const PAST_DOUBT = 13n;

/** What senders have who are not short of money. */
export const ENOUGH: SenderFunding = { deposit: ETHER, reserve: ETHER };

export interface PayerOptions {
  /** What it has in the contract: an ether of each when absent, nothing when "none". */
  readonly funds?: SenderFunding | "none";
}

/** A node with an account on the chain, which can be ended and started again where it was. */
export interface PaidNode {
  readonly node: NodeProcess;
  readonly account: DevelopmentAccount;
  readonly dataDir: string;
  /** Starts it again with the same account, data and arguments. */
  again(...more: readonly string[]): Promise<NodeProcess>;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A chain in the test's process, nodes with money as processes of their own, and the endpoint between them that fails when
 * a test wants it to. Account 1 is the gateway's, 2 and above those of orchestrators.
 */
export class MoneyStage extends Stage {
  readonly devnet: Devnet;
  readonly endpoint: FaultyEndpoint;
  readonly reader: ChainReader;
  readonly runner: ScriptedRunner;
  readonly #paidNodes: PaidNode[] = [];

  private constructor(devnet: Devnet, endpoint: FaultyEndpoint, chain: Chain, runner: ScriptedRunner) {
    super();
    this.devnet = devnet;
    this.endpoint = endpoint;
    this.reader = new ChainReader(chain);
    this.runner = runner;
  }

  static async start(options: DevnetOptions = {}): Promise<MoneyStage> {
    const devnet = await startDevnet({ roundLength: ROUND_LENGTH, ...options }, { clock: systemClock });
    const endpoint = new FaultyEndpoint(devnet.url);
    await endpoint.start();
    const network = { ...local, chainId: devnet.chainId, controller: devnet.addresses.controller };
    const chain = await connectChain({ network, urls: [devnet.url] }, { clock: systemClock });
    return new MoneyStage(devnet, endpoint, chain, await ScriptedRunner.start());
  }

  account(index: number): DevelopmentAccount {
    const account = this.devnet.accounts[index];
    if (account === undefined) throw new Error(`there is no account ${index}`);
    return account;
  }

  /** The flags that put a node on the chain with an account. */
  async onChain(index: number): Promise<readonly string[]> {
    const key = PrivateKey.fromHex(this.account(index).privateKey);
    const text = await encryptKeystore(key, PASSPHRASE, { randomness: secureRandomness }, CHEAP);
    return [
      "-network=local",
      `-ethUrl=${this.endpoint.url}`,
      `-ethController=${this.devnet.addresses.controller}`,
      `-ethKeystorePath=${this.write(`key-${index}.json`, text)}`,
      `-ethPassword=file:${this.write("passphrase", PASSPHRASE)}`,
    ];
  }

  /** An orchestrator with a scripted runner, on the chain from the next round on. */
  async seller(index: number, args: readonly string[] = [], options: NodeOptions = {}): Promise<PaidNode> {
    const flags = [
      "-serviceAddr=127.0.0.1:0",
      "-httpAddr=127.0.0.1:0",
      ...(await this.onChain(index)),
      this.runner.offer({ capacity: 200 }),
      `-pricePerUnit=${PRICE}`,
      ...args,
    ];
    const seller = await this.#paid("orchestrator", index, flags, options);
    await this.devnet.registerOrchestrator(seller.account.address, { serviceUri: seller.node.address });
    return seller;
  }

  /** A gateway that pays; by default with an ether of deposit and one of reserve, and orchestrators from the chain. */
  async payer(args: readonly string[] = [], { funds = ENOUGH }: PayerOptions = {}): Promise<PaidNode> {
    if (funds !== "none") await this.devnet.fundSender(this.account(1).address, funds);
    const flags = ["-httpAddr=127.0.0.1:0", "-discoveryInterval=1s", ...(await this.onChain(1)), ...args];
    return await this.#paid("gateway", 1, flags, {});
  }

  /** The books of a node that has stopped: what its peers' accounts came to. */
  async totals({ dataDir }: PaidNode): Promise<readonly PeerTotals[]> {
    const file = join(dataDir, "rivulet.sqlite");
    await using store = await Store.open({ file, access: "read" }, { clock: systemClock });
    return await store.payments.totals();
  }

  /** Resolves when each of `nodes` nodes behind an endpoint, which look equally often, has seen the blocks there are now. */
  async followed(nodes = 1, endpoint: FaultyEndpoint = this.endpoint): Promise<void> {
    const looks = () => endpoint.methods.filter((method) => method === "eth_getBlockByNumber").length;
    // One may be under way; after one that begins now is over another begins. Each asks for one block or two.
    const seen = looks() + 5 * nodes;
    await eventually("a look at the chain", async () => (looks() >= seen ? true : undefined));
  }

  /** Wei that an orchestrator has earned on the chain. */
  async earned({ account }: PaidNode): Promise<bigint> {
    return (await this.reader.stake(account.address)).fees;
  }

  /** Steps past the expiry of parameters, and on until an orchestrator has earned `least`. */
  async redeemed(seller: PaidNode, least = 1n): Promise<bigint> {
    await this.devnet.mine(PAST_EXPIRY);
    return await eventually("a winner that is paid", async () => {
      const fees = await this.earned(seller);
      return fees >= least ? fees : undefined;
    });
  }

  /** Ends all nodes and compares their books with each other and the chain. */
  async reconcile(): Promise<{ readonly status: number | null; readonly told: unknown; readonly text: string }> {
    for (const { node } of this.#paidNodes.toReversed()) await node.stop();
    const [first, ...others] = [...new Set(this.#paidNodes.map(({ dataDir }) => dataDir))];
    const { status, stdout, stderr } = await this.rivulet(
      "reconcile",
      "-json",
      `-dataDir=${first}`,
      ...(others.length === 0 ? [] : [`-with=${others.join(",")}`]),
      "-network=local",
      `-ethUrl=${this.devnet.url}`,
      `-ethController=${this.devnet.addresses.controller}`,
    );
    return { status, told: status === null || stdout === "" ? undefined : JSON.parse(stdout), text: stdout + stderr };
  }

  /** Runs the program to its end. The test's own process goes on meanwhile, as the chain is in it. */
  rivulet(...args: readonly string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const options = { env: this.leftovers.env, timeout: 60_000, maxBuffer: 16 * 1024 * 1024 };
      const child = execFile(process.execPath, [MAIN, ...args], options, (_error, stdout, stderr) =>
        resolve({ status: child.exitCode, stdout, stderr }),
      );
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await super[Symbol.asyncDispose]();
    } finally {
      await this.runner[Symbol.asyncDispose]();
      await this.endpoint.stop();
      await this.devnet.stop();
    }
  }

  async #paid(
    role: "gateway" | "orchestrator",
    index: number,
    flags: readonly string[],
    options: NodeOptions,
  ): Promise<PaidNode> {
    const dataDir = this.path(`${role}-of-${index}`);
    const stage = this;
    let node = await this.node(role, flags, { dataDir, ...options });
    // Where it was is where it is found again.
    const address = new URL(node.address).host;
    const paid: PaidNode = {
      get node() {
        return node;
      },
      account: this.account(index),
      dataDir,
      async again(...more) {
        await node.exited;
        node = await stage.node(role, [...flags, ...more, ...addressFlags(role, address)], { dataDir, ...options });
        return node;
      },
    };
    this.#paidNodes.push(paid);
    return paid;
  }
}

function addressFlags(role: string, address: string): readonly string[] {
  return role === "orchestrator" ? [`-serviceAddr=${address}`, `-httpAddr=${address}`] : [`-httpAddr=${address}`];
}
