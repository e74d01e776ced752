import { randomBytes } from "node:crypto";
import { keccak256, rawSign } from "@rivulet/crypto";
import { type DevelopmentAccount, type Devnet, type DevnetOptions, startDevnet } from "@rivulet/devnet";
import { CERTAIN_WIN, type Ticket, ticketHash, type WinningTicket } from "@rivulet/payments";
import { TestClock, turn } from "@rivulet/testkit";
import { type Chain, type ChainOptions, connectChain } from "../src/chain.ts";
import { bytesFromHex } from "../src/hex.ts";
import { local } from "../src/networks/local.ts";
import { memoryAccount } from "../src/signers/memory.ts";
import { PrivateKey } from "../src/signers/private-key.ts";

const ETHER = 10n ** 18n;

/** A chain with contracts, and a node's view of it. */
export class DevnetWorld implements AsyncDisposable {
  readonly devnet: Devnet;
  readonly clock: TestClock;
  readonly #chains: Chain[] = [];

  private constructor(devnet: Devnet, clock: TestClock) {
    this.devnet = devnet;
    this.clock = clock;
  }

  static async start(options: DevnetOptions = {}): Promise<DevnetWorld> {
    const clock = new TestClock();
    return new DevnetWorld(await startDevnet(options, { clock }), clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const chain of this.#chains) await chain.stop();
    await this.devnet.stop();
  }

  /** Account 1 receives; it is not registered yet. */
  get recipient(): DevelopmentAccount {
    return this.#account(1);
  }

  /** Account 2 sends tickets; it has no funds in the contract yet. */
  get sender(): DevelopmentAccount {
    return this.#account(2);
  }

  /** Account 3 has nothing to do with anything. */
  get stranger(): DevelopmentAccount {
    return this.#account(3);
  }

  #account(index: number): DevelopmentAccount {
    const account = this.devnet.accounts[index];
    if (account === undefined) throw new RangeError("the chain has fewer accounts");
    return account;
  }

  /** Registers the recipient and lets it become active. */
  async activate(): Promise<void> {
    await this.devnet.registerOrchestrator(this.recipient.address, { serviceUri: "https://127.0.0.1:8935" });
    await this.devnet.nextRound();
  }

  async fund(deposit: bigint = ETHER, reserve: bigint = ETHER): Promise<void> {
    await this.devnet.fundSender(this.sender.address, { deposit, reserve });
  }

  /** A node on the chain, started, that sends transactions as `account`. */
  async node(account: DevelopmentAccount, options: Partial<ChainOptions> = {}): Promise<Chain> {
    const chain = await this.sending(account, options);
    await chain.start();
    this.#chains.push(chain);
    return chain;
  }

  /** The same without following the chain: nobody but a transaction that waits sleeps on the clock. */
  async sending(account: DevelopmentAccount, options: Partial<ChainOptions> = {}): Promise<Chain> {
    const key = PrivateKey.fromHex(account.privateKey);
    return await connectChain(
      { network: local, urls: [this.devnet.url], recipient: this.recipient.address, ...options },
      { clock: this.clock, account: memoryAccount(key) },
    );
  }

  /** A ticket of the sender that wins, dated with the round that `chain` knows. */
  winner(chain: Chain, faceValue: bigint, senderNonce = 1, changes: Partial<Ticket> = {}): WinningTicket {
    const recipientRand = BigInt(`0x${randomBytes(31).toString("hex")}`);
    const rand = bytesFromHex(`0x${recipientRand.toString(16).padStart(64, "0")}`);
    const ticket: Ticket = {
      recipient: this.recipient.address,
      sender: this.sender.address,
      faceValue,
      winProbability: CERTAIN_WIN,
      senderNonce,
      recipientRandHash: keccak256(rand),
      expiration: chain.rounds.creation,
      ...changes,
    };
    const signature = rawSign(bytesFromHex(this.sender.privateKey), ticketHash(ticket));
    return { ticket, signature, recipientRand, paramsExpirationBlock: 0n };
  }

  /** Resolves when so many sleep on the clock. */
  async asleep(count: number): Promise<void> {
    while (this.clock.sleeping < count) await turn();
  }
}
