import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { ask } from "./harness/ask.ts";
import { isListening } from "./harness/leftovers.ts";
import { MODEL, request, ScriptedRunner } from "./harness/scripted-runner.ts";
import { eventually, MAIN, Stage } from "./harness/stage.ts";

/** Runs the program to its end. */
function rivulet(stage: Stage, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    env: stage.leftovers.env,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

async function listening(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

const roles = [
  { role: "gateway", name: "a gateway", args: ["-orchAddr=127.0.0.1:1"] },
  { role: "orchestrator", name: "an orchestrator", args: ["-serviceAddr=127.0.0.1:0", "-orchSecret=s"] },
  { role: "runner", name: "a runner", args: ["-aiModels=text-to-image:some/model:false"] },
] as const;

test.for(roles)("$name whose port is in use says so and ends", async ({ role, args }) => {
  await using stage = new Stage();
  await using taken = await listening();
  const ended = rivulet(stage, role, ...args, `-httpAddr=127.0.0.1:${taken.port}`, `-dataDir=${stage.path("data")}`);
  expect(ended).toMatchObject({ status: 1, stdout: "" });
  expect(ended.stderr).toContain(String(taken.port));
  expect(ended.stderr).not.toMatch(/^\s+at /m);
});

test.for(roles)("$name whose data directory is a file says what to do and ends", async ({ role, args }) => {
  await using stage = new Stage();
  const ended = rivulet(stage, role, ...args, "-httpAddr=127.0.0.1:0", `-dataDir=${stage.write("data", "")}`);
  expect(ended).toMatchObject({ status: 1, stdout: "" });
  expect(ended.stderr).toContain("-dataDir");
});

test("a gateway that other machines could use without a key does not start, unless that is waived by name", async () => {
  await using stage = new Stage();
  const ended = rivulet(stage, "gateway", "-orchAddr=127.0.0.1:1", "-httpAddr=:0", `-dataDir=${stage.path("data")}`);
  expect(ended.status).not.toBe(0);
  expect(ended.stderr).toContain("-allowNoAuth");
  const gateway = await stage.node("gateway", ["-orchAddr=127.0.0.1:1", "-httpAddr=:0", "-allowNoAuth"]);
  expect(await isListening(gateway.address.replace("0.0.0.0", "127.0.0.1"))).toBe(true);
});

test("a wrong flag, value, model or secret is named with its remedy, all at once", async () => {
  await using stage = new Stage();
  const wrong = rivulet(
    stage,
    "orchestrator",
    "-servceAddr=x",
    "-modelMemory=4",
    "-aiModels=text-to-imgae:m:true",
    "-orchSecret=file:absent",
  );
  expect(wrong).toMatchObject({ status: 2, stdout: "" });
  for (const text of ["-serviceAddr", "4 GiB", "text-to-image", "absent"]) expect(wrong.stderr).toContain(text);
  expect(rivulet(stage, "orchestartor")).toMatchObject({ status: 2, stderr: expect.stringContaining("orchestrator") });
  expect(rivulet(stage, "start").status).toBe(2);
});

test("help tells every flag with its default, and the version is told", async () => {
  await using stage = new Stage();
  const help = rivulet(stage, "gateway", "--help");
  expect(help.status).toBe(0);
  for (const text of ["-orchAddr", "-httpAddr", "127.0.0.1:9935"]) expect(help.stdout).toContain(text);
  expect(rivulet(stage, "version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(rivulet(stage, "help").stdout).toContain("rivulet COMMAND -help");
});

test("a config file is checked and explained without starting anything", async () => {
  await using stage = new Stage();
  const secret = stage.write("secret", "hush");
  const file = stage.write(
    "rivulet.yaml",
    `roles: [orchestrator]\norchestrator:\n  serviceUri: o.example:8935\n  secret: file:${secret}\n`,
  );
  expect(rivulet(stage, "config", "check", "-config", file).status).toBe(0);
  const explained = rivulet(stage, "config", "explain", "-config", file, "-httpAddr=:1");
  expect(explained.stdout).toMatch(/orchestrator\.secret +file:\S+ +file/);
  expect(explained.stdout).toMatch(/orchestrator\.httpAddr .* flag/);
  expect(explained.stdout + explained.stderr).not.toContain("hush");
  expect(rivulet(stage, "config", "check", "-config", stage.path("absent.yaml")).status).toBe(2);
});

test("a config file starts its roles in one process, which do a job together", async () => {
  await using stage = new Stage();
  await using runner = await ScriptedRunner.start();
  const model = `{ pipeline: text-to-image, model: ${MODEL}, url: "${runner.url}", warm: true }`;
  await using port = await listening();
  const address = `127.0.0.1:${port.port}`;
  await port[Symbol.asyncDispose]();
  const file = stage.write(
    "rivulet.yaml",
    `roles: [gateway, orchestrator]
orchestrator: { serviceUri: "http://${address}", httpAddr: "${address}", models: [${model}] }
gateway: { httpAddr: "127.0.0.1:0", orchestrators: ["http://${address}"], discoveryInterval: 1s }
`,
  );
  const node = await stage.node("start", ["-config", file]);
  const url = node.addresses.get("gateway") ?? "";
  const answer = await eventually("a picture", async () => {
    const tried = await ask({ address: url }, "/text-to-image", request);
    return tried.status === 200 ? tried : undefined;
  });
  expect(answer.headers.get("x-orchestrator")).toBe(`http://${address}`);
});

test("the network of npm start says when its picture cannot be written", async () => {
  await using stage = new Stage();
  const ended = rivulet(stage, "demo", "-once", "-output=/dev/full");
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain("ENOSPC");
});
