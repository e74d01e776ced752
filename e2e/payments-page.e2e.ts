import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Leftovers } from "./harness/leftovers.ts";
import { MAIN, ROOT } from "./harness/stage.ts";

/** What a page has its reader type, in its order. */
function shellBlocks(page: string): readonly string[] {
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** The page as it is typed here: with ports that are free, a directory of the test's own, and no npm in between. */
async function here(page: string, leftovers: Leftovers): Promise<string> {
  let text = page
    .replaceAll("npm run rivulet --", `${process.execPath} ${MAIN}`)
    .replaceAll("/tmp/rivulet-money", join(leftovers.directory, "money"));
  for (const port of ["8545", "8935", "8936", "9935"]) text = text.replaceAll(port, `${await freePort()}`);
  const port = /127\.0\.0\.1:(\d+)/.exec(text)?.[1];
  return text.replace("main.ts devnet", `main.ts devnet -port ${port}`);
}

/** A shell that remembers what was exported, as a reader's terminal does. */
class Terminal {
  readonly #leftovers: Leftovers;
  readonly #running: ChildProcess[] = [];
  #exports = "";

  constructor(leftovers: Leftovers) {
    this.#leftovers = leftovers;
  }

  async type(block: string): Promise<string> {
    const commands = block
      .replace(/\\\n\s*/g, "")
      .split("\n")
      .filter((line) => line.trim() !== "");
    let said = "";
    for (const command of commands) {
      if (command.startsWith("export ")) this.#exports += `${command}\n`;
      else if (command.includes("# leave it running")) await this.#leaveRunning(command);
      else {
        if (/with (?:both|the orchestrator) stopped/.test(command)) await this.stop(/ (gateway|orchestrator) /);
        said += await this.#run(command);
      }
    }
    return said;
  }

  /** Ends what was left running and whose command is like this. */
  async stop(like: RegExp): Promise<void> {
    for (const child of this.#running.filter(({ spawnargs }) => like.test(spawnargs.join(" ")))) {
      const gone = new Promise((resolve) => child.once("close", resolve));
      if (child.exitCode === null && child.kill("SIGTERM")) await gone;
    }
  }

  async #run(command: string): Promise<string> {
    const child = this.#spawn(command);
    let said = "";
    child.stdout?.on("data", (text) => (said += text));
    child.stderr?.on("data", (text) => (said += text));
    const status = await new Promise((resolve) => child.once("close", resolve));
    expect([command, status, said]).toEqual([command, 0, said]);
    expect(said).not.toMatch(/^\s+at .*\.(ts|js):\d+/m);
    return said;
  }

  async #leaveRunning(command: string): Promise<void> {
    const child = this.#spawn(`exec ${command}`);
    this.#running.push(child);
    let said = "";
    await new Promise<void>((resolve, reject) => {
      const hear = (text: Buffer) => {
        said += text;
        if (/^ready |^chain \d+ at/m.test(said)) resolve();
      };
      child.stdout?.on("data", hear);
      child.stderr?.on("data", hear);
      child.once("close", () => reject(new Error(`${command} ended:\n${said}`)));
    });
  }

  #spawn(command: string): ChildProcess {
    return spawn("bash", ["-c", `${this.#exports}${command}`], { cwd: ROOT, env: this.#leftovers.env });
  }
}

test("docs/operate/payments.md can be typed as it stands, and somebody is paid", { timeout: 600_000 }, async () => {
  using leftovers = new Leftovers();
  const terminal = new Terminal(leftovers);
  const page = await here(readFileSync(join(ROOT, "docs/operate/payments.md"), "utf8"), leftovers);
  let said = "";
  for (const block of shellBlocks(page)) {
    if (block.includes("/text-to-image -H")) await found(page);
    said += await terminal.type(block);
  }
  for (const part of [
    "HTTP/1.1 200",
    /x-cost-wei: \d+/i,
    "everything agrees",
    /1 tickets taken from/,
    /registered|active/,
  ])
    expect(said).toMatch(part);
  await terminal.stop(/./);
  expect(await leftovers.remaining()).toEqual([]);
});

/** A reader looks whether the model is there before asking for a picture; the orchestrator loads it in a few seconds. */
async function found(page: string): Promise<void> {
  const gateway = /-gateway (http:\S+)/.exec(page)?.[1];
  for (;;) {
    const text = await (await fetch(`${gateway}/network`)).text();
    if (text.includes('"warm":true')) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
