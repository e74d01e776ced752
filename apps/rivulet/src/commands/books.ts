import { openBooksOf, reconcile, type TicketReport, ticketReport } from "@rivulet/node";
import { RivuletError } from "@rivulet/primitives";
import { amountText } from "../amounts.ts";
import { type ChainCommand, table } from "../chain-command.ts";
import { EXIT_FAILED } from "../terminal.ts";

const STATES = ["queued", "handed-over", "submitted", "redeemed", "lost"] as const;
/** Winners that are listed unless more are asked for. */
const LISTED = 20;

/** What became of a node's tickets. */
export const ticketsCommand: ChainCommand = {
  name: "tickets",
  sections: [],
  flags: [
    { flag: "state", form: "text", help: `only winners in this state: ${STATES.join(", ")}` },
    { flag: "last", form: "text", help: `how many winners are listed [${LISTED}]` },
  ],
  forms: {
    "": {
      about: "tells which tickets a node sent or took, which won, and what became of those",
      async run(_words, context) {
        const state = stateOf(context.text("state"));
        await using store = await openBooksOf(context.settings.dataDir, context.ports);
        const report = await ticketReport(store.payments, {
          limit: countOf(context.text("last")),
          ...(state === undefined ? {} : { states: [state] }),
        });
        return { lines: reportLines(report), json: reportJson(report) };
      },
    },
  },
};

/** Compares books and chain. */
export const reconcileCommand: ChainCommand = {
  name: "reconcile",
  flags: [{ flag: "with", form: "text", help: "data directories of other nodes to compare with, comma separated" }],
  forms: {
    "": {
      about: "compares ledgers, tickets and chain to the wei; ends with 1 when they differ",
      async run(_words, context) {
        const { settings, ports } = context;
        const others = context.text("with")?.split(",") ?? [];
        await using stores = new AsyncDisposableStack();
        const books = [];
        for (const directory of [settings.dataDir, ...others]) {
          const store = stores.use(await openBooksOf(directory, ports));
          books.push({ name: directory, payments: store.payments });
        }
        const chain = settings.network === "offchain" ? undefined : await context.chain();
        const { comparisons, sums, redeemed, gasCost, waiting, lost } = await reconcile(books, chain);
        const wrong = comparisons.filter(({ isRight }) => !isRight);
        const lines = [
          ...comparisons.map(({ what, isRight, found }) => `${isRight ? "right" : "WRONG"}  ${what}: ${found}`),
          ...table([
            ["redeemed", `${amountText(redeemed, "ETH")}, gas ${amountText(gasCost, "ETH")}`],
            ["waiting", amountText(waiting, "ETH")],
            ["lost", amountText(lost, "ETH")],
          ]),
          wrong.length === 0 ? "everything agrees" : `${wrong.length} of ${comparisons.length} differ`,
        ];
        const told = Object.fromEntries(
          Object.entries(sums).map(([side, { credited, debited, expired, tickets }]) => [
            side,
            { credited: `${credited}`, debited: `${debited}`, expired: `${expired}`, tickets },
          ]),
        );
        const json = { agrees: wrong.length === 0, comparisons, ...told, redeemed, gasCost, waiting, lost };
        return { lines, json, exitCode: wrong.length === 0 ? 0 : EXIT_FAILED };
      },
    },
  },
};

function reportLines({ peers, totals, winners }: TicketReport): readonly string[] {
  const accounts = peers.map(({ side, peer, tickets, credited, debited, expired }) => {
    const verb = side === "payer" ? "sent to" : "taken from";
    return `${tickets} tickets ${verb} ${peer}: worth ${wei(credited)}, work for ${wei(debited)}, expired ${wei(expired)}`;
  });
  const sums = totals.map(
    ({ state, count, faceValue, paid, gasCost }) =>
      `${count} winners ${state}: for ${amountText(faceValue, "ETH")}, paid ${amountText(paid, "ETH")}, gas ${amountText(gasCost, "ETH")}`,
  );
  const list = winners.map(({ hash, winner, state, lastFailure }) => {
    const why =
      state.kind === "lost" ? `: ${state.why}, ${state.reason}` : lastFailure === undefined ? "" : `: ${lastFailure}`;
    return `${hash.slice(0, 18)}…  ${amountText(winner.ticket.faceValue, "ETH")}  ${state.kind}${why}`;
  });
  return accounts.length + sums.length === 0 ? ["no tickets yet"] : [...accounts, ...sums, ...list];
}

function reportJson({ peers, totals, winners }: TicketReport): Readonly<Record<string, unknown>> {
  return {
    peers: peers.map(({ side, peer, tickets, credited, debited, expired }) => ({
      side,
      peer,
      tickets,
      credited: `${credited}`,
      debited: `${debited}`,
      expired: `${expired}`,
    })),
    winners: Object.fromEntries(totals.map(({ state, ...sums }) => [state, sums])),
    list: winners.map(({ hash, winner, wonAt, state, failures, lastFailure }) => ({
      hash,
      sender: winner.ticket.sender,
      faceValue: winner.ticket.faceValue,
      wonAt,
      failures,
      ...(lastFailure === undefined ? {} : { lastFailure }),
      state,
    })),
  };
}

/** An exact amount as ethers, its fractions of a wei left out. */
function wei(amount: TicketReport["peers"][number]["credited"]): string {
  return amountText(amount.floor(), "ETH");
}

function stateOf(text: string | undefined): (typeof STATES)[number] | undefined {
  if (text === undefined) return undefined;
  const found = STATES.find((state) => state === text);
  if (found !== undefined) return found;
  throw new RivuletError("config.invalid", { problems: [{ path: "-state", message: `one of ${STATES.join(", ")}` }] });
}

function countOf(text: string | undefined): number {
  if (text === undefined) return LISTED;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new RivuletError("config.invalid", { problems: [{ path: "-last", message: "say a number" }] });
}
