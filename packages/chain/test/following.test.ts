import { type Milliseconds, minutes, ms, silentLogger } from "@rivulet/primitives";
import { endpointFaults, FaultyEndpoint } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { connectChain } from "../src/chain.ts";
import { local } from "../src/networks/local.ts";
import { DevnetWorld } from "./devnet-world.ts";

const ETHER = 10n ** 18n;
const NEVER = 2n ** 256n - 1n;

test("the local network is where the contracts are deployed", async () => {
  await using world = await DevnetWorld.start();
  const { controller, aiServiceRegistry, priceFeed } = world.devnet.addresses;
  expect(local).toMatchObject({ controller, aiServiceRegistry, priceFeed, chainId: world.devnet.chainId });
});

describe("rounds", () => {
  test("follow the contract, and tell each block and round once", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.node(world.recipient);
    const { rounds } = chain;
    const told: string[] = [];
    using _blocks = rounds.onBlock((block) => told.push(`block ${block}`));
    using _rounds = rounds.onRound((round) => told.push(`round ${round}`));
    const first = await world.devnet.currentRound();
    expect([rounds.lastInitializedRound, rounds.currentRound, rounds.creation.creationRound]).toEqual([
      first,
      first,
      first,
    ]);
    const next = rounds.nextRoundBlock;
    await world.devnet.nextRound();
    await chain.poll();
    await chain.poll();
    expect(rounds.lastInitializedRound).toBe(first + 1n);
    expect(told).toEqual([`round ${first + 1n}`, `block ${next}`]);
    const hash = await chain.endpoints.request(chain.contracts.rounds.read("blockHashForRound", [first + 1n]));
    expect(`0x${Buffer.from(rounds.creation.creationRoundBlockHash).toString("hex")}`).toBe(hash);
  });

  test("are ahead of the last initialized one until somebody initializes", async () => {
    await using world = await DevnetWorld.start({ initializesRounds: false });
    const chain = await world.node(world.recipient);
    const { current, initialized } = {
      current: chain.rounds.currentRound,
      initialized: chain.rounds.lastInitializedRound,
    };
    await world.devnet.nextRound();
    await chain.poll();
    expect([chain.rounds.lastInitializedRound, chain.rounds.currentRound]).toEqual([initialized, current + 1n]);
    await chain.transactions.send(chain.contracts.rounds.write("initializeRound", []));
    await chain.poll();
    expect([chain.rounds.lastInitializedRound, chain.rounds.currentRound]).toEqual([current + 1n, current + 1n]);
  });
});

describe("senders", () => {
  test("have what the contract says, through everything that happens to their funds", async () => {
    await using world = await DevnetWorld.start();
    await world.activate();
    const chain = await world.node(world.sender);
    const { address: sender } = world.sender;
    const { ticketBroker: broker } = chain.contracts;
    const changed: (string | undefined)[] = [];
    using _ = chain.senders.onChanged((who) => changed.push(who));
    expect(await chain.senders.funds(sender)).toMatchObject({ deposit: 0n, reserveRemaining: 0n, withdrawRound: 0n });

    await chain.transactions.send(broker.write("fundDepositAndReserve", [7n, 100n], 107n));
    await chain.poll();
    expect(await chain.senders.funds(sender)).toMatchObject({ deposit: 7n, reserveRemaining: 100n });
    await chain.transactions.send(broker.write("unlock", []));
    await chain.poll();
    expect(await chain.senders.funds(sender)).toMatchObject({ withdrawRound: chain.rounds.currentRound + 2n });
    await chain.transactions.send(broker.write("cancelUnlock", []));
    await chain.poll();
    expect(await chain.senders.funds(sender)).toMatchObject({ withdrawRound: 0n });

    await chain.broker.redeem(world.winner(chain, 57n));
    await chain.poll();
    expect(await chain.senders.funds(sender)).toEqual({
      deposit: 0n,
      withdrawRound: 0n,
      reserveRemaining: 50n,
      reserveClaimedInCurrentRound: 50n,
      reserveClaimedByUs: 50n,
    });
    expect(changed).toEqual([sender, sender, sender, sender]);
    await world.devnet.nextRound();
    await chain.poll();
    expect(await chain.senders.funds(sender)).toMatchObject({
      reserveClaimedInCurrentRound: 0n,
      reserveClaimedByUs: 0n,
    });
    expect(changed.at(-1)).toBeUndefined();
  });

  test("have what they had while no endpoint answers", async () => {
    await using world = await DevnetWorld.start();
    await world.fund();
    const endpoint = new FaultyEndpoint(world.devnet.url);
    await endpoint.start();
    const chain = await connectChain({ network: local, urls: [endpoint.url] }, { clock: world.clock });
    await chain.start();
    const before = await chain.senders.funds(world.sender.address);
    endpoint.behave(endpointFaults.down);
    await world.clock.advance(minutes(10));
    expect(await chain.senders.funds(world.sender.address)).toEqual(before);
    expect(chain.age).toBeGreaterThanOrEqual(minutes(9));
    await chain.stop();
    await endpoint.stop();
  });

  test("have what they had before, when ten blocks are taken back", async () => {
    await using world = await DevnetWorld.start({ roundLength: 1_000n });
    await world.fund(5n, 6n);
    const chain = await world.node(world.recipient);
    const { address: sender } = world.sender;
    const snapshot = await world.devnet.snapshot();
    const [before, head] = [await chain.senders.funds(sender), chain.head];
    await world.fund(70n, 80n);
    await world.devnet.mine(9n);
    await chain.poll();
    expect(await chain.senders.funds(sender)).toMatchObject({ deposit: 75n, reserveRemaining: 86n });
    const changed: unknown[] = [];
    using _ = chain.senders.onChanged((who) => changed.push(who));
    await world.devnet.reorganize(snapshot, 12n);
    await chain.poll();
    expect(await chain.senders.funds(sender)).toEqual(before);
    expect(changed).toEqual([sender]);
    expect(chain.head?.number).toBe((head?.number ?? 0n) + 12n);
  });
});

describe("the pool", () => {
  test("is read whole in a dozen requests, and then by its events", async () => {
    await using world = await DevnetWorld.start();
    const members = world.devnet.accounts.slice(1, 9);
    for (const [index, { address }] of members.entries()) {
      const stake = BigInt(index + 1) * 100n * ETHER;
      await world.devnet.registerOrchestrator(address, {
        serviceUri: `https://plain-${index}`,
        aiServiceUri: `https://ai-${index}`,
        stake,
      });
    }
    await world.devnet.nextRound();
    const requests: string[] = [];
    const counting: typeof fetch = (url, init) => {
      requests.push(String(init?.body));
      return fetch(url, init);
    };
    const options = { network: local, urls: [world.devnet.url], followsPool: true } as const;
    const chain = await connectChain(options, { clock: world.clock, fetch: counting });
    await chain.start();
    expect(requests.length).toBeLessThanOrEqual(20);
    expect(requests.filter((body) => body.includes("235c9603"))).toHaveLength(1);
    const pool = await chain.pool.orchestrators();
    expect(pool.map(({ address }) => address)).toEqual(members.map(({ address }) => address).reverse());
    expect(pool.map(({ stake }) => stake / (100n * ETHER))).toEqual([8n, 7n, 6n, 5n, 4n, 3n, 2n, 1n]);
    expect(pool[0]).toMatchObject({ serviceUri: "https://ai-7", deactivationRound: NEVER });

    let changes = 0;
    using _ = chain.pool.onChanged(() => changes++);
    const [joining] = world.devnet.accounts.slice(9);
    if (joining === undefined) throw new Error("no account left");
    await world.devnet.registerOrchestrator(joining.address, { serviceUri: "https://late", stake: 9n * 100n * ETHER });
    await chain.poll();
    expect((await chain.pool.orchestrators()).at(-1)).toMatchObject({
      address: joining.address,
      serviceUri: "https://late",
      activationRound: chain.pool.round + 1n,
    });
    await world.devnet.nextRound();
    await chain.poll();
    expect((await chain.pool.orchestrators()).find(({ address }) => address === joining.address)?.stake).toBe(
      900n * ETHER,
    );
    expect(changes).toBe(2);
    await chain.stop();
  });

  test("of the controller's registry has its addresses", async () => {
    await using world = await DevnetWorld.start();
    await world.devnet.registerOrchestrator(world.recipient.address, {
      serviceUri: "https://a",
      aiServiceUri: "https://b",
    });
    for (const [registry, serviceUri] of [
      ["controller", "https://a"],
      ["ai", "https://b"],
    ] as const) {
      const chain = await world.node(world.recipient, { followsPool: true, registry });
      expect(await chain.pool.orchestrators()).toMatchObject([{ serviceUri }]);
    }
  });

  test("is asked for one by one where an endpoint runs no programs", async () => {
    await using world = await DevnetWorld.start();
    await world.activate();
    const endpoint = new FaultyEndpoint(world.devnet.url);
    await endpoint.start();
    endpoint.behave(async (call, forward) => {
      const [question] = call.params as [{ readonly to?: string }];
      const isProgram = call.method === "eth_call" && question.to === undefined;
      return isProgram ? { error: { code: -32000, message: "missing value for required argument" } } : forward(call);
    });
    const options = { network: local, urls: [endpoint.url], followsPool: true } as const;
    const chain = await connectChain(options, { clock: world.clock });
    await chain.start();
    expect(await chain.pool.orchestrators()).toMatchObject([{ address: world.recipient.address }]);
    await chain.stop();
    await endpoint.stop();
  });
});

test("a recipient is active from the round after it registered", async () => {
  await using world = await DevnetWorld.start();
  const chain = await world.node(world.recipient);
  const isActive = () => chain.activity.isActive(world.recipient.address, chain.rounds.lastInitializedRound);
  expect(await isActive()).toBe(false);
  await world.devnet.registerOrchestrator(world.recipient.address, { serviceUri: "https://a" });
  await chain.poll();
  expect(await isActive()).toBe(false);
  await world.devnet.nextRound();
  await chain.poll();
  expect(await isActive()).toBe(true);
});

describe("the price of gas", () => {
  test("is not moved by a spike, and follows a change that lasts", async () => {
    await using world = await DevnetWorld.start({ gasPrice: 100n });
    const chain = await world.node(world.recipient);
    const { clock, devnet } = world;
    await clock.advance(minutes(5));
    await devnet.setGasPrice(5_000n);
    await clock.advance(ms(20_000));
    await chain.poll();
    const spiking = chain.gasPriceNow.current;
    expect(spiking).toBeGreaterThanOrEqual(4_000n);
    await clock.advance(minutes(2));
    expect(chain.gasPrice.current).toBe(100n);
    await clock.advance(minutes(4));
    expect(chain.gasPrice.current).toBeGreaterThanOrEqual(4_000n);
  });
});

describe("endpoints", () => {
  test("a second one takes over in the middle, and nothing is missed", async () => {
    await using world = await DevnetWorld.start({ roundLength: 1_000n });
    const first = new FaultyEndpoint(world.devnet.url);
    await first.start();
    const options = { network: local, urls: [first.url, world.devnet.url] };
    const chain = await connectChain(options, { clock: world.clock, log: silentLogger });
    await chain.start();
    expect(await chain.senders.funds(world.sender.address)).toMatchObject({ deposit: 0n });
    for (const fault of [
      endpointFaults.down,
      endpointFaults.limited,
      endpointFaults.rubbish,
      endpointFaults.chain(1),
      endpointFaults.failing(-32603, "internal error"),
      endpointFaults.stale(chain.head?.number ?? 0n),
    ]) {
      first.behave(fault);
      const { deposit } = await chain.senders.funds(world.sender.address);
      await world.fund(1n, 0n);
      await world.devnet.mine(70n);
      await chain.poll();
      expect(await chain.senders.funds(world.sender.address)).toMatchObject({ deposit: deposit + 1n });
    }
    await chain.stop();
    await first.stop();
  });

  test("the network is refused when the chain is another", async () => {
    await using world = await DevnetWorld.start({ chainId: 4_242 });
    const connecting = connectChain({ network: local, urls: [world.devnet.url] }, { clock: world.clock });
    await world.asleep(1);
    await world.clock.advance(ms(500));
    await world.asleep(1);
    await world.clock.advance(ms(1_000));
    await expect(connecting).rejects.toMatchObject({ code: "chain.wrong-network", facts: { actual: 4_242 } });
  });
});

describe("prices", () => {
  test("are those of the feed, with its currencies", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.node(world.recipient, { followsPrices: true });
    expect(chain.prices?.current).toMatchObject({ base: "ETH", quote: "USD", price: { numerator: 3_000n } });
  });

  test("below zero are not used, and such that moved far only when they are confirmed", async () => {
    await using world = await DevnetWorld.start();
    const chain = await world.node(world.recipient, { followsPrices: true });
    const { clock, devnet } = world;
    const priceAfter = async (dollars: bigint, time: Milliseconds) => {
      const told = (chain.prices?.current?.updatedAt ?? 0) / 1000 + time;
      await devnet.setPriceFeed(dollars * 10n ** 8n, BigInt(Math.round(told)));
      await clock.advance(time);
      await world.asleep(2);
      return chain.prices?.current?.price.toString();
    };
    expect(await priceAfter(-5n, minutes(60))).toBe("3000");
    expect(await priceAfter(9_000n, minutes(60))).toBe("3000");
    expect(await priceAfter(9_100n, minutes(1))).toBe("9100");
    expect(await priceAfter(6_000n, minutes(60))).toBe("6000");
  });

  test("of yesterday are not used", async () => {
    await using world = await DevnetWorld.start();
    const { timestamp } = await world.devnet.client.viem.getBlock();
    await world.devnet.setPriceFeed(3_000n * 10n ** 8n, timestamp - 26n * 3_600n);
    const chain = await world.node(world.recipient, { followsPrices: true });
    expect(chain.prices?.current).toBeUndefined();
  });
});
