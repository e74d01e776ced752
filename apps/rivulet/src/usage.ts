import { suggestion } from "@rivulet/node";

/** What `rivulet help` says. Each command's own flags are behind its `-help`. */
export function usage(): string {
  return [
    "usage: rivulet COMMAND [flags]",
    "",
    "  demo             a whole network on this machine: a prompt goes in, a picture comes out",
    "  gateway          takes jobs from applications, finds orchestrators",
    "  orchestrator     offers work to gateways, does it itself or through workers",
    "  worker           does the jobs of an orchestrator on another machine",
    "  runner           holds models and executes them",
    "  start            starts the roles of a config file: rivulet start -config rivulet.yaml",
    "  signer           holds a gateway's key and pays for it",
    "  redeemer         redeems the winning tickets of several orchestrators",
    "",
    "  wallet           accounts: create, import, list, balance",
    "  deposit, reserve locks ETH for tickets; unlock and withdraw take it back",
    "  register         makes the account an orchestrator that gateways find",
    "  stake            stake and fees of an orchestrator: add, remove, withdraw, fees",
    "  price            what a job would cost, and where",
    "  tickets          which tickets a node sent or took, which won, and what became of them",
    "  reconcile        compares ledgers, tickets and chain to the wei",
    "  round            the current round; begins it, mints its reward",
    "  devnet           a chain on this machine, with the network's contracts and funded accounts",
    "",
    "  config check     says whether a configuration is right, without starting anything",
    "  config explain   says each value and where it came from",
    "  version, help",
    "",
    "Flags take one dash or two. rivulet COMMAND -help explains those of a command.",
  ].join("\n");
}

export function wrongCommand(name: string, known: readonly string[]): string {
  return `rivulet: there is no command ${name}${suggestion(name, known)}\n\n${usage()}`;
}
