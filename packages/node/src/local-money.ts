import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Chain, connectChain, encryptKeystore, local, PrivateKey } from "@rivulet/chain";
import type { DevelopmentAccount, Devnet } from "@rivulet/devnet";
import { findPipeline, type PipelineName } from "@rivulet/pipelines";
import { type Clock, invariant, ms, type Randomness, type Startable, type WorkUnit } from "@rivulet/primitives";
import { ChainReader } from "./account/chain-account.ts";

export interface LocalMoneyOptions {
  /** Tickets that are all but sure to win: worth more than redeeming costs, for one wei more than they are worth. */
  readonly wins: boolean;
}

export interface LocalMoneyPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
}

/** Whom a development account plays. */
export type LocalParty = "gateway" | "A" | "B";

/** What the chain says of the local network's money, in wei. */
export interface LocalBalances {
  /** Locked by the gateway for its tickets. */
  readonly deposit: bigint;
  readonly reserve: bigint;
  /** Earned by orchestrators, as the contract keeps it for them. */
  readonly fees: Readonly<Record<"A" | "B", bigint>>;
}

/** Blocks come this often, so that ticket parameters expire and rounds pass while the network runs. */
const BLOCK_TIME = ms(2_000);
/** Blocks. Tickets are good for two rounds: more than the chain steps while several winners are redeemed and models load. */
const ROUND_LENGTH = 500n;
const ETHER = 10n ** 18n;
const FUNDING = { deposit: ETHER, reserve: ETHER };
/** A key that everybody knows needs no protection: what counts is that a node opens it quickly. */
const CHEAP = { n: 2, p: 1 };
const PASSPHRASE = "a key that everybody knows";
/** In wei. Redeeming costs a third of it at this chain's gas price. */
const CERTAIN_TICKET_VALUE = 100_000_000_000_000n;
/** Wei for a unit of work: what the network's gateways call a fair price. Source: nodes-and-operations 10.3. */
const PRICES: Readonly<Record<WorkUnit, bigint>> = {
  pixel: 4_768_371n,
  "audio-ms": 12_882_811n,
  token: 20_000_000n,
  millicharacter: 375_000n,
  second: 100_000_000_000n,
};

/** What the local network's orchestrators ask for a unit of a pipeline's work, in wei. */
export function localPrice(pipeline: PipelineName): bigint {
  return PRICES[findPipeline(pipeline)?.unit ?? "pixel"];
}

/** A chain on this machine, in this process, with accounts for everybody of the local network. */
export class LocalMoney implements Startable {
  readonly #options: LocalMoneyOptions;
  readonly #ports: LocalMoneyPorts;
  #devnet: Devnet | undefined;
  #chain: Chain | undefined;

  constructor(options: LocalMoneyOptions, ports: LocalMoneyPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Starts the chain and locks the gateway's funds. */
  async start(): Promise<void> {
    // Only who runs a chain of its own loads one.
    const { startDevnet } = await import("@rivulet/devnet");
    const devnet = await startDevnet({ blockTime: BLOCK_TIME, roundLength: ROUND_LENGTH }, this.#ports);
    this.#devnet = devnet;
    const { controller } = devnet.addresses;
    const [chain] = await Promise.all([
      connectChain({ network: { ...local, controller }, urls: [devnet.url] }, this.#ports),
      devnet.fundSender(this.#account("gateway").address, FUNDING),
    ]);
    this.#chain = chain;
  }

  async stop(): Promise<void> {
    await this.#devnet?.stop();
  }

  /** Where the chain is reached. */
  get url(): string {
    return this.#started.url;
  }

  get account(): (party: LocalParty) => string {
    return (party) => this.#account(party).address;
  }

  /** The flags that give a node its account on the chain. Writes its key below `directory`. */
  async flags(party: LocalParty, directory: string): Promise<readonly string[]> {
    const { privateKey } = this.#account(party);
    const keystore = join(directory, `${party}-key.json`);
    const passphrase = join(directory, "passphrase");
    const text = await encryptKeystore(PrivateKey.fromHex(privateKey), PASSPHRASE, this.#ports, CHEAP);
    writeFileSync(keystore, text, { mode: 0o600 });
    writeFileSync(passphrase, PASSPHRASE, { mode: 0o600 });
    return [
      "-network=local",
      `-ethUrl=${this.url}`,
      `-ethController=${this.#started.addresses.controller}`,
      `-ethKeystorePath=${keystore}`,
      `-ethPassword=file:${passphrase}`,
      ...this.#terms(party),
    ];
  }

  /** Makes the two orchestrators active, at their addresses, in a round that begins now. */
  async register(addresses: Readonly<Record<"A" | "B", string>>): Promise<void> {
    const devnet = this.#started;
    for (const party of ["A", "B"] as const)
      await devnet.registerOrchestrator(this.#account(party).address, { serviceUri: addresses[party] });
    await devnet.nextRound();
  }

  async balances(): Promise<LocalBalances> {
    invariant(this.#chain !== undefined, "the chain is asked once it has started");
    const reader = new ChainReader(this.#chain);
    const [{ deposit, reserve }, a, b] = await Promise.all([
      reader.locked(this.#account("gateway").address),
      reader.stake(this.#account("A").address),
      reader.stake(this.#account("B").address),
    ]);
    return { deposit, reserve, fees: { A: a.fees, B: b.fees } };
  }

  /** Makes so many blocks at once. */
  async mine(blocks: bigint): Promise<void> {
    await this.#started.mine(blocks);
  }

  get #started(): Devnet {
    invariant(this.#devnet !== undefined, "the chain is there once it has started");
    return this.#devnet;
  }

  #account(party: LocalParty): DevelopmentAccount {
    // The first one deployed the contracts.
    const account = this.#started.accounts[{ gateway: 1, A: 2, B: 3 }[party]];
    invariant(account !== undefined, "the chain has accounts enough");
    return account;
  }

  #terms(party: LocalParty): readonly string[] {
    const { wins } = this.#options;
    if (party === "gateway")
      return wins ? [`-maxTicketEV=${2n * CERTAIN_TICKET_VALUE}`, `-maxTotalEV=${10n * CERTAIN_TICKET_VALUE}`] : [];
    const certain = [`-ticketEV=${CERTAIN_TICKET_VALUE}`, `-maxFaceValue=${CERTAIN_TICKET_VALUE + 1n}`];
    return [`-pricePerUnit=${PRICES.pixel}`, ...(wins ? certain : [])];
  }
}
