import type { StakeState } from "@rivulet/node";
import { RivuletError } from "@rivulet/primitives";
import { amountText, ethAmount, lptAmount } from "../amounts.ts";
import { type ChainCommand, type CommandContext, stepLines, stepsJson, table } from "../chain-command.ts";

/** Makes the account an orchestrator that gateways find. */
export const registerCommand: ChainCommand = {
  name: "register",
  flags: [
    { flag: "serviceAddr", form: "text", help: "HOST:PORT or URL at which gateways reach the orchestrator" },
    { flag: "stake", form: "text", help: "stake to add, such as 100LPT" },
    { flag: "rewardCut", form: "text", help: "percent of rewards that the orchestrator keeps [10]" },
    { flag: "feeShare", form: "text", help: "percent of fees that go to delegators [5]" },
  ],
  forms: {
    "": {
      about: "registers the account as an orchestrator, or changes how it is listed",
      async run(_words, context) {
        const serviceUri = serviceAddress(context.text("serviceAddr"));
        const stake = context.text("stake");
        const account = await context.account();
        const steps = await account.register({
          serviceUri,
          rewardCut: percent(context.text("rewardCut") ?? "10", "-rewardCut"),
          feeShare: percent(context.text("feeShare") ?? "5", "-feeShare"),
          stake: stake === undefined ? 0n : lptAmount(stake, "-stake"),
        });
        const state = await account.stake(account.address);
        const done = steps.length === 0 ? ["it is registered like that already"] : stepLines(steps);
        return { lines: [...done, ...stateLines(state)], json: { ...stateJson(state), steps: stepsJson(steps) } };
      },
    },
  },
};

/** An orchestrator's stake and what it earned. */
export const stakeCommand: ChainCommand = {
  name: "stake",
  flags: [{ flag: "of", form: "text", help: "the account to look at (default: the node's own)" }],
  forms: {
    "": {
      about: "tells stake, state and fees of an orchestrator",
      async run(_words, context) {
        const state = await (await context.reader()).stake(await context.whom());
        return { lines: stateLines(state), json: stateJson(state) };
      },
    },
    add: {
      usage: "AMOUNT",
      about: "stakes LPT on the account itself",
      async run([amount], context) {
        const account = await context.account();
        const steps = await account.addStake(lptAmount(amount, "stake add"));
        const state = await account.stake(account.address);
        return {
          lines: [...stepLines(steps), ...stateLines(state)],
          json: { ...stateJson(state), steps: stepsJson(steps) },
        };
      },
    },
    remove: {
      usage: "AMOUNT",
      about: "begins to take stake out; it can be withdrawn some rounds later",
      run: ([amount], context) =>
        actAndTell(context, "remove stake", async (account) => account.removeStake(lptAmount(amount, "stake remove"))),
    },
    withdraw: {
      usage: "LOCK",
      about: "takes out stake whose lock has ended",
      run: ([lock], context) =>
        actAndTell(context, "withdraw stake", async (account) => account.withdrawStake(lockOf(lock))),
    },
    fees: {
      usage: "[AMOUNT]",
      about: "moves earned fees to the account: so much, or all",
      run: ([amount], context) =>
        actAndTell(context, "withdraw fees", async (account) => {
          const { fees } = await account.stake(account.address);
          return account.withdrawFees(amount === undefined ? fees : ethAmount(amount, "stake fees"));
        }),
    },
  },
};

/** Rounds: the clock of stake and tickets. */
export const roundCommand: ChainCommand = {
  name: "round",
  forms: {
    "": {
      about: "tells the current round",
      async run(_words, context) {
        const { current, lastInitialized, isLocked, startBlock, length, l1Block } = await (
          await context.reader()
        ).round();
        const isInitialized = current === lastInitialized;
        const left = isInitialized ? startBlock + length - l1Block : 0n;
        const lines = table([
          ["round", `${current}${isInitialized ? "" : " (not begun: rivulet round initialize)"}`],
          ["last begun", `${lastInitialized}`],
          ["blocks left", isInitialized ? `${left} of ${length}` : "–"],
          ["locked", isLocked ? "yes: cuts cannot be changed until the next round" : "no"],
        ]);
        return { lines, json: { round: current, lastInitialized, isInitialized, isLocked, blocksLeft: left, length } };
      },
    },
    initialize: {
      about: "begins the current round when nobody has",
      async run(_words, context) {
        const account = await context.account();
        const steps = [{ what: "begin the round", receipt: await account.initializeRound() }];
        const { lastInitialized } = await account.round();
        return {
          lines: [...stepLines(steps), `round ${lastInitialized}`],
          json: { round: lastInitialized, steps: stepsJson(steps) },
        };
      },
    },
    reward: {
      about: "mints this round's reward for the orchestrator and who delegates to it",
      run: (_words, context) => actAndTell(context, "mint the reward", (account) => account.reward()),
    },
  },
};

async function actAndTell(
  context: CommandContext,
  what: string,
  act: (
    account: Awaited<ReturnType<CommandContext["account"]>>,
  ) => Promise<Parameters<typeof stepLines>[0][number]["receipt"]>,
) {
  const account = await context.account();
  const steps = [{ what, receipt: await act(account) }];
  const state = await account.stake(account.address);
  return { lines: [...stepLines(steps), ...stateLines(state)], json: { ...stateJson(state), steps: stepsJson(steps) } };
}

function stateLines(state: StakeState): readonly string[] {
  const standing = state.isActive
    ? "active in this round"
    : state.isRegistered
      ? `registered, active from round ${state.activationRound} on if its stake suffices`
      : "not registered";
  return table([
    ["account", state.account],
    ["state", standing],
    ["address", state.serviceUri === "" ? "–" : state.serviceUri],
    ["stake", `${amountText(state.stake, "LPT")}, its own ${amountText(state.bonded, "LPT")}`],
    ["fees", amountText(state.fees, "ETH")],
    ...state.locks.map(
      ({ id, amount, withdrawRound }) =>
        [`lock ${id}`, `${amountText(amount, "LPT")}, to be withdrawn from round ${withdrawRound} on`] as const,
    ),
    ["next", nextStep(state)],
  ]);
}

/** What the account's owner can do about its standing. */
export function nextStep(state: Omit<StakeState, "account">): string {
  const { isRegistered, isActive, serviceUri, fees, round, activationRound, deactivationRound, locks } = state;
  if (!isRegistered) return "rivulet register -serviceAddr HOST:PORT -stake AMOUNT, to become an orchestrator";
  if (serviceUri === "") return "rivulet register -serviceAddr HOST:PORT: without an address no gateway finds it";
  if (!isActive && round < activationRound)
    return `wait for round ${activationRound}, now it is ${round}: rivulet round tells how long that takes`;
  if (!isActive && deactivationRound <= round)
    return "rivulet stake add AMOUNT: those in the pool have more, which is full of them";
  const free = locks.find(({ withdrawRound }) => withdrawRound <= round);
  if (free !== undefined) return `rivulet stake withdraw ${free.id}, whose time is over`;
  if (fees > 0n) return "rivulet stake fees, to move what was earned to the account";
  return "rivulet orchestrator, with this account's key: jobs come to whoever is active";
}

function stateJson(state: StakeState): Readonly<Record<string, unknown>> {
  return { ...state };
}

function serviceAddress(text: string | undefined): string {
  const url = text === undefined ? null : URL.parse(/^https?:\/\//.test(text) ? text : `https://${text}`);
  if (url !== null && url.host !== "") return url.origin;
  throw new RivuletError("config.invalid", {
    problems: [{ path: "-serviceAddr", message: "say at which HOST:PORT gateways reach the orchestrator" }],
  });
}

/** Parts of a million. */
function percent(text: string, flag: string): bigint {
  const value = /^\d{1,3}(?:\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
  if (value <= 100) return BigInt(Math.round(value * 10_000));
  throw new RivuletError("config.invalid", { problems: [{ path: flag, message: `"${text}" is not a percentage` }] });
}

function lockOf(text: string | undefined): bigint {
  if (text !== undefined && /^\d{1,9}$/.test(text)) return BigInt(text);
  throw new RivuletError("config.invalid", {
    problems: [{ path: "stake withdraw", message: "say which lock; rivulet stake tells their numbers" }],
  });
}
