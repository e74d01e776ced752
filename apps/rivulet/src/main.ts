#!/usr/bin/env node
import { type ChainCommand, runChainCommand } from "./chain-command.ts";
import { reconcileCommand, ticketsCommand } from "./commands/books.ts";
import { configCommand } from "./commands/config.ts";
import { demoCommand } from "./commands/demo.ts";
import { devnetCommand } from "./commands/devnet.ts";
import { depositCommand, reserveCommand, unlockCommand, withdrawCommand } from "./commands/funds.ts";
import { nodeCommand } from "./commands/node.ts";
import { priceCommand } from "./commands/price.ts";
import { registerCommand, roundCommand, stakeCommand } from "./commands/staking.ts";
import { walletCommand } from "./commands/wallet.ts";
import { EXIT_USAGE, processTerminal, type Terminal, tellFailure } from "./terminal.ts";
import { usage, wrongCommand } from "./usage.ts";
import { VERSION } from "./version.ts";

/** A command gets what stands after its name and returns the exit code. */
type Command = (argv: readonly string[], terminal: Terminal) => Promise<number>;

const chainCommands: readonly ChainCommand[] = [
  walletCommand,
  depositCommand,
  reserveCommand,
  unlockCommand,
  withdrawCommand,
  registerCommand,
  stakeCommand,
  roundCommand,
  ticketsCommand,
  reconcileCommand,
  priceCommand,
];

const commands: Readonly<Record<string, Command>> = {
  gateway: (argv, terminal) => nodeCommand("gateway", argv, terminal),
  orchestrator: (argv, terminal) => nodeCommand("orchestrator", argv, terminal),
  worker: (argv, terminal) => nodeCommand("worker", argv, terminal),
  runner: (argv, terminal) => nodeCommand("runner", argv, terminal),
  signer: (argv, terminal) => nodeCommand("signer", argv, terminal),
  redeemer: (argv, terminal) => nodeCommand("redeemer", argv, terminal),
  start: (argv, terminal) => nodeCommand(undefined, argv, terminal),
  ...Object.fromEntries(
    chainCommands.map((command): [string, Command] => [
      command.name,
      (argv, terminal) => runChainCommand(command, argv, terminal),
    ]),
  ),
  demo: demoCommand,
  devnet: devnetCommand,
  config: configCommand,
  version: async (_argv, terminal) => {
    terminal.result(VERSION);
    return 0;
  },
  help: async (_argv, terminal) => {
    terminal.result(usage());
    return 0;
  },
};

async function main([name, ...argv]: readonly string[], terminal: Terminal): Promise<number> {
  const asked =
    name === undefined || /^--?h(elp)?$/.test(name) ? "help" : /^--?v(ersion)?$/.test(name) ? "version" : name;
  const command = Object.hasOwn(commands, asked) ? commands[asked] : undefined;
  if (command === undefined) {
    terminal.say(wrongCommand(asked, Object.keys(commands)));
    return EXIT_USAGE;
  }
  try {
    return await command(argv, terminal);
  } catch (error) {
    return tellFailure(error, terminal);
  }
}

process.exitCode = await main(process.argv.slice(2), processTerminal());
