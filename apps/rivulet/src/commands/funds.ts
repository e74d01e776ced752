import { amountText, ethAmount } from "../amounts.ts";
import { type ChainCommand, type CommandContext, type Outcome, stepLines, stepsJson } from "../chain-command.ts";

/** Adds to the deposit, from which winning tickets are paid. */
export const depositCommand: ChainCommand = {
  name: "deposit",
  flags: [{ flag: "reserve", form: "text", help: "so much for the reserve in the same transaction, such as 0.5ETH" }],
  forms: {
    "": {
      usage: "AMOUNT",
      about: "locks ETH from which winning tickets are paid",
      run: ([amount], context) => {
        const reserve = context.text("reserve");
        return fund(context, ethAmount(amount, "deposit"), reserve === undefined ? 0n : ethAmount(reserve, "-reserve"));
      },
    },
  },
};

/** Adds to the reserve, which stands behind tickets when the deposit is gone. */
export const reserveCommand: ChainCommand = {
  name: "reserve",
  forms: {
    "": {
      usage: "AMOUNT",
      about: "locks ETH as a guarantee, of which each active orchestrator may claim an equal part",
      run: ([amount], context) => fund(context, 0n, ethAmount(amount, "reserve")),
    },
  },
};

/** Begins to take deposit and reserve back. */
export const unlockCommand: ChainCommand = {
  name: "unlock",
  forms: {
    "": {
      about: "begins to unlock deposit and reserve; orchestrators take no more tickets of the account",
      async run(_words, context) {
        const account = await context.account();
        const receipt = await account.unlock();
        const { withdrawRound, currentRound } = await account.locked(account.address);
        const steps = [{ what: "unlock", receipt }];
        const when = `rivulet withdraw can be run from round ${withdrawRound} on; it is round ${currentRound} now`;
        return { lines: [...stepLines(steps), when], json: { withdrawRound, currentRound, steps: stepsJson(steps) } };
      },
    },
    cancel: {
      about: "keeps them locked after all",
      async run(_words, context) {
        const steps = [{ what: "cancel the unlock", receipt: await (await context.account()).cancelUnlock() }];
        return { lines: stepLines(steps), json: { steps: stepsJson(steps) } };
      },
    },
  },
};

/** Takes deposit and reserve back, once unlocked. */
export const withdrawCommand: ChainCommand = {
  name: "withdraw",
  forms: {
    "": {
      about: "takes deposit and reserve back, once they are unlocked",
      async run(_words, context) {
        const account = await context.account();
        const before = await account.locked(account.address);
        const steps = [{ what: "withdraw", receipt: await account.withdraw() }];
        const { deposit, reserve } = before;
        const line = `${amountText(deposit, "ETH")} of deposit and ${amountText(reserve, "ETH")} of reserve are back`;
        return { lines: [...stepLines(steps), line], json: { deposit, reserve, steps: stepsJson(steps) } };
      },
    },
  },
};

async function fund(context: CommandContext, deposit: bigint, reserve: bigint): Promise<Outcome> {
  const account = await context.account();
  const steps = [{ what: "lock the funds", receipt: await account.fund(deposit, reserve) }];
  const now = await account.locked(account.address);
  const line = `deposit ${amountText(now.deposit, "ETH")}, reserve ${amountText(now.reserve, "ETH")}`;
  return {
    lines: [...stepLines(steps), line],
    json: { deposit: now.deposit, reserve: now.reserve, steps: stepsJson(steps) },
  };
}
