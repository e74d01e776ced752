import { accountsOf, createAccount, importAccount } from "@rivulet/node";
import { amountText } from "../amounts.ts";
import { type ChainCommand, table } from "../chain-command.ts";

/** Accounts: their keys, and what they have. */
export const walletCommand: ChainCommand = {
  name: "wallet",
  flags: [
    { flag: "of", form: "text", help: "the account to look at (default: the one of -ethAcctAddr, or the only one)" },
    { flag: "key", form: "text", help: "import: the private key in hex, as file:PATH or env:NAME, or a keystore file" },
    {
      flag: "keyPassword",
      form: "text",
      help: "import: the passphrase of that keystore file, as file:PATH or env:NAME",
    },
  ],
  forms: {
    create: {
      about: "makes a new account in -ethKeystorePath, behind the passphrase of -ethPassword",
      async run(_words, { settings }) {
        const { account, file } = await createAccount(settings.chain);
        return {
          lines: [`account ${account}`, `its key is in ${file}: keep a copy, nobody can make it again`],
          json: { account, file },
        };
      },
    },
    import: {
      usage: "-key file:PATH",
      about: "puts a key you have into -ethKeystorePath, behind the passphrase of -ethPassword",
      async run(_words, context) {
        const { account, file } = await importAccount(
          context.settings.chain,
          context.text("key"),
          context.text("keyPassword"),
        );
        return { lines: [`account ${account}`, `its key is in ${file}`], json: { account, file } };
      },
    },
    list: {
      about: "tells the accounts whose keys are in -ethKeystorePath",
      async run(_words, { settings }) {
        const accounts = await accountsOf(settings.chain);
        const lines = accounts.size === 0 ? [`none in ${settings.chain.keystore}`] : table([...accounts]);
        return { lines, json: { accounts: Object.fromEntries(accounts) } };
      },
    },
    balance: {
      about: "tells what an account has: ETH, LPT, and what it has locked for tickets",
      async run(_words, context) {
        const account = await context.whom();
        const reader = await context.reader();
        const [{ eth, lpt }, { deposit, reserve, withdrawRound, currentRound }] = await Promise.all([
          reader.balance(account),
          reader.locked(account),
        ]);
        const unlocking =
          withdrawRound === 0n
            ? ""
            : withdrawRound <= currentRound
              ? " (unlocked)"
              : ` (unlocks in round ${withdrawRound})`;
        const lines = table([
          ["account", account],
          ["balance", `${amountText(eth, "ETH")}, ${amountText(lpt, "LPT")}`],
          ["deposit", `${amountText(deposit, "ETH")}${unlocking}`],
          ["reserve", `${amountText(reserve, "ETH")}${unlocking}`],
        ]);
        return { lines, json: { account, eth, lpt, deposit, reserve, withdrawRound } };
      },
    },
  },
};
