import { isError, RivuletError } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explain } from "./explain.ts";
import { flagFileArguments, flaggedSettings, parseFlags } from "./flags.ts";
import { loadConfiguration } from "./load.ts";
import { findNearest } from "./nearest.ts";
import { findBytes, findDuration } from "./quantities.ts";
import { documentSchema, ROLES, type Role, sectionsOf } from "./schema.ts";
import type { Surroundings } from "./secrets.ts";
import { findListenAddress } from "./setting.ts";

const files: Record<string, string> = {
  "/home/op/secret.txt": "hush\n",
  "/home/op/empty.txt": "",
  "/home/op/aiModels.json": '[{"pipeline":"llm","model_id":"m","warm":true}]',
};

function surroundings(more: Record<string, string> = {}, env: Record<string, string> = {}): Surroundings {
  return {
    env,
    resolvePath: (path) => (path.startsWith("/") ? path : `/home/op/${path.replace(/^~\//, "")}`),
    readText: (path) => {
      const text = { ...files, ...more }[path];
      if (text === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      return text;
    },
  };
}

function load(
  argv: readonly string[],
  options: { roles?: readonly Role[]; files?: Record<string, string>; env?: Record<string, string> } = {},
) {
  const world = surroundings(options.files, options.env);
  const roles = options.roles ?? ["gateway"];
  const known = flaggedSettings(documentSchema(world), sectionsOf(roles));
  const flags = parseFlags(argv, known, world);
  return loadConfiguration(
    {
      roles,
      flags: flags.values,
      flagProblems: flags.problems,
      ...(flags.config === undefined ? {} : { file: flags.config }),
    },
    world,
  );
}

function problemsOf(work: () => unknown): readonly { path: string; message: string }[] {
  try {
    work();
  } catch (error) {
    if (isError(error, "config.invalid")) return error.facts.problems;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("flags", () => {
  test("take one dash or two, a value beside or attached, and switches alone", () => {
    const { settings } = load([
      "-orchAddr",
      "a:1,https://b:2",
      "--httpAddr=127.0.0.1:0",
      "--allowNoAuth",
      "-hedge=false",
      "-patience",
      "250ms",
      "-queueLength=1",
    ]);
    expect(settings.gateway).toMatchObject({
      orchestrators: ["https://a:1", "https://b:2"],
      httpAddr: { host: "127.0.0.1", port: 0 },
      allowNoAuth: true,
      hedge: false,
      patience: 250,
      queueLength: 1,
    });
  });

  test("name one GPU, or what the runtime calls it, and not both", () => {
    expect(load(["-nvidia", "1"], { roles: ["orchestrator"] }).settings.orchestrator.gpu).toBe(1);
    const [list] = problemsOf(() => load(["-nvidia", "0,1"], { roles: ["runner"] }));
    expect(list?.message).toContain("a worker for each");
    const both = problemsOf(() => load(["-nvidia", "0", "-executionProviders", "webgpu,cpu"], { roles: ["worker"] }));
    expect(both.map(({ path }) => path)).toEqual(["worker.executionProviders"]);
  });

  test("that do not exist are all named, with the nearest that does", () => {
    const problems = problemsOf(() => load(["-orchAdr", "x", "-htpAddr=1", "-aiRunnerImage", "all", "stray"]));
    expect(problems.map(({ path }) => path)).toEqual(["-orchAdr", "-htpAddr", "-aiRunnerImage", "stray"]);
    expect(problems[0]?.message).toContain("-orchAddr");
    expect(problems[1]?.message).toContain("-httpAddr");
    expect(problems[2]?.message).toContain("containers");
  });

  test("come from the environment too, and the command line wins over it, and it over the file", () => {
    const configured = {
      files: { "/home/op/r.yaml": "gateway: {discoveryInterval: 5s, patience: 1s, httpAddr: ':1'}" },
    };
    const { settings, sources } = load(["-config", "r.yaml", "-httpAddr", ":3"], {
      ...configured,
      env: { LP_HTTPADDR: ":2", LP_PATIENCE: "2s" },
    });
    expect(settings.gateway).toMatchObject({ httpAddr: { port: 3 }, patience: 2000, discoveryInterval: 5000 });
    expect(["httpAddr", "patience", "discoveryInterval", "hedge"].map((key) => sources.get(`gateway.${key}`))).toEqual([
      "flag",
      "environment",
      "file",
      undefined,
    ]);
  });

  test("and the environment by the names of the document, below flags, above the file", () => {
    const { settings, sources } = load(["-config", "r.yaml", "-ticketEV", "7"], {
      roles: ["orchestrator"],
      files: { "/home/op/r.yaml": "orchestrator: {maxFaceValue: 1 gwei, ticketValue: 5 wei}" },
      env: {
        RIVULET__ORCHESTRATOR__MAX_FACE_VALUE: "2 gwei",
        RIVULET__ORCHESTRATOR__TICKET_VALUE: "6 wei",
        RIVULET__CHAIN__PASSPHRASE: "hush",
        RIVULET__GATEWAY__DEFAULTS: '{"llm":{"model":"m"}}',
      },
    });
    expect(settings.orchestrator).toMatchObject({ maxFaceValue: 2_000_000_000n, ticketValue: 7n });
    expect(settings.gateway.defaults).toEqual({ llm: { model: "m" } });
    expect(settings.chain.passphrase?.reveal()).toBe("hush");
    expect(JSON.stringify(settings.chain)).not.toContain("hush");
    expect(sources.get("orchestrator.maxFaceValue")).toBe("environment");
    const problems = problemsOf(() => load([], { env: { RIVULET__GATEWAY__HTTP_ADR: ":1" } }));
    expect(problems.map(({ message }) => message).join()).toContain("RIVULET__GATEWAY__HTTP_ADDR");
  });

  test("of go-livepeer take amounts of wei and seconds without a unit; a document does not", () => {
    const { settings } = load(["-ticketEV=8000000000", "-blockPollingInterval=5", "-maxGasPrice=0.5gwei"], {
      roles: ["orchestrator"],
    });
    expect(settings.orchestrator.ticketValue).toBe(8_000_000_000n);
    expect(settings.chain).toMatchObject({ pollInterval: 5000, maxGasPrice: 500_000_000n });
    const files = { "/home/op/r.yaml": "orchestrator: {ticketValue: '8'}" };
    expect(problemsOf(() => load(["-config", "r.yaml"], { files }))[0]?.path).toBe("orchestrator.ticketValue");
  });

  test("come from a plain flag file as well", () => {
    expect(flagFileArguments("# comment\n\norchAddr a:1\nhedge\nhttpAddr=:2\n")).toEqual([
      "-orchAddr=a:1",
      "-hedge",
      "-httpAddr=:2",
    ]);
    const { settings } = load(["-config", "node.conf"], { files: { "/home/op/node.conf": "orchAddr a:1\nhedge" } });
    expect(settings.gateway).toMatchObject({ orchestrators: ["https://a:1"], hedge: true });
  });

  test("of a secret take it literally, from a file, or by reference", () => {
    const secretOf = (value: string) =>
      load(["-orchSecret", value], { roles: ["worker"], env: { S: "from env" } }).settings.worker.secret?.reveal();
    expect(secretOf("literal")).toBe("literal");
    expect(secretOf("secret.txt")).toBe("hush");
    expect(secretOf("file:secret.txt")).toBe("hush");
    expect(secretOf("env:S")).toBe("from env");
  });

  test("of any command line are values or one of our errors", () => {
    const names = flaggedSettings(documentSchema(surroundings()), ROLES).map(({ flag }) => `-${flag}`);
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(...names, "-config", "r.yaml"),
      fc.constantFrom(...names).map((name) => `${name}=x`),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), fc.constantFrom(...ROLES), (argv, role) => {
        try {
          load(argv, { roles: [role] });
        } catch (error) {
          expect(isError(error, "config.invalid")).toBe(true);
        }
      }),
    );
  });
});

describe("a config file", () => {
  const parse = (text: string) =>
    load(["-config", "r.yaml"], { roles: ["orchestrator"], files: { "/home/op/r.yaml": text } });

  test("reports all its problems at once, unknown keys with the nearest known one", () => {
    const problems = problemsOf(() =>
      parse(
        "gatway: {}\ngateway:\n  patience: 500\n  htpAddr: ':1'\norchestrator:\n  modelMemory: 4\n  secret: hunter2\n",
      ),
    );
    expect(problems.map(({ path }) => path).sort()).toEqual([
      "gateway.htpAddr",
      "gateway.patience",
      "gatway",
      "orchestrator.modelMemory",
      "orchestrator.secret",
    ]);
    expect(problems.find(({ path }) => path === "gatway")?.message).toContain("gateway");
    expect(problems.find(({ path }) => path === "gateway.htpAddr")?.message).toContain("httpAddr");
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });

  test("keeps secrets out of itself and out of what is shown", () => {
    const configuration = parse("orchestrator: {secret: 'file:secret.txt'}");
    expect(configuration.settings.orchestrator.secret?.reveal()).toBe("hush");
    const lines = explain(configuration).join("\n");
    expect(lines).toContain("file:secret.txt");
    expect(lines).not.toContain("hush");
    expect(problemsOf(() => parse("orchestrator: {secret: 'file:empty.txt'}"))[0]?.path).toBe("orchestrator.secret");
    expect(problemsOf(() => parse("orchestrator: {secret: 'file:absent.txt'}"))[0]?.message).toContain("ENOENT");
    expect(problemsOf(() => parse("orchestrator: {secret: 'env:ABSENT'}"))[0]?.message).toContain("ABSENT");
  });

  test("names models as aiModels.json does, and not the same one", () => {
    const models = "models: [{pipeline: llm, model: n, warm: true, slots: 2, directory: weights/n}]";
    const both = parse(`orchestrator: {aiModels: aiModels.json, ${models}}`);
    expect(
      both.models.orchestrator.map(({ model, isWarm, slots, directory }) => [model, isWarm, slots, directory]),
    ).toEqual([
      ["n", true, 2, "/home/op/weights/n"],
      ["m", true, 1, undefined],
    ]);
    const clash = problemsOf(() =>
      parse("orchestrator: {aiModels: 'llm:m:true', models: [{pipeline: llm, model: m}]}"),
    );
    expect(clash.map(({ path }) => path)).toEqual(["orchestrator.aiModels"]);
  });

  test("that cannot be read or is no document is a problem with its name", () => {
    expect(problemsOf(() => load(["-config", "absent.yaml"]))[0]?.path).toBe("absent.yaml");
    for (const text of ["[1]", "just text", "a: b: c", "a: &x 1\nb: *x", "a: 1\na: 2"])
      expect(problemsOf(() => parse(text))[0]?.path).toBe(text.startsWith("a: &x") ? "r.yaml" : "r.yaml");
  });

  test("of any text is a configuration or one of our errors", () => {
    const yaml = fc.oneof(fc.string(), fc.json(), fc.stringMatching(/^[\s\w:{}[\],&*!|>'"#-]{0,80}$/));
    fc.assert(
      fc.property(yaml, (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(RivuletError);
        }
      }),
    );
  });
});

describe("a network", () => {
  test("brings what it is known for, below everything that is said", () => {
    const { settings, sources } = load(["-network=arbitrum-one-mainnet", "-blockPollingInterval=1"]);
    expect(settings.network).toBe("arbitrum-one");
    expect(settings.chain).toMatchObject({
      controller: "0xd8e8328501e9645d16cf49539efc04f734606ee4",
      pollInterval: 1000,
    });
    expect(sources.get("chain.controller")).toBe("network");
    expect(sources.get("chain.pollInterval")).toBe("flag");
    expect(load([]).settings).toMatchObject({ network: "offchain", chain: { rpc: [] } });
    expect(problemsOf(() => load(["-network=arbitrum"]))[0]?.path).toBe("network");
  });

  test("is reached through endpoints, of which only the origin is shown", () => {
    const literal = load(["-ethUrl=https://rpc.example/v2/hunter2,http://127.0.0.1:8545"]);
    expect(literal.settings.chain.rpc.map((endpoint) => endpoint.reveal())).toEqual([
      "https://rpc.example/v2/hunter2",
      "http://127.0.0.1:8545",
    ]);
    expect(explain(literal).join()).toContain("https://rpc.example/…");
    expect(explain(literal).join()).not.toContain("hunter2");
    const file = (rpc: string) => ({
      files: { "/home/op/r.yaml": `chain: {rpc: ['${rpc}']}` },
      env: { RPC: "https://a/b" },
    });
    expect(load(["-config", "r.yaml"], file("env:RPC")).settings.chain.rpc[0]?.reveal()).toBe("https://a/b");
    for (const wrong of ["https://a/hunter2", "env:ABSENT", "file:x", "nonsense"]) {
      const problems = problemsOf(() => load(["-config", "r.yaml"], file(wrong)));
      expect(problems.map(({ path }) => path)).toEqual(["chain.rpc.0"]);
      expect(problems[0]?.message).not.toContain("hunter2");
    }
  });
});

describe("quantities", () => {
  test("carry their unit", () => {
    expect(["250ms", "2 s", "1.5min", "1h"].map(findDuration)).toEqual([250, 2000, 90_000, 3_600_000]);
    expect(["512B", "300 MB", "4 GiB", "1.5KiB"].map(findBytes)).toEqual([512, 3e8, 2 ** 32, 1536]);
    expect(["250", "ms", "2 weeks", "-1s", "1e3s", ""].map(findDuration)).toEqual(Array(6).fill(undefined));
    expect(["4", "4 gib", "4 mB", "999999999999999 GiB"].map(findBytes)).toEqual(Array(4).fill(undefined));
  });

  test("and addresses say where to listen", () => {
    expect(["127.0.0.1:80", ":80", "80", "[::1]:80", "localhost:0"].map(findListenAddress)).toEqual([
      { host: "127.0.0.1", port: 80 },
      { host: "0.0.0.0", port: 80 },
      { host: "0.0.0.0", port: 80 },
      { host: "::1", port: 80 },
      { host: "localhost", port: 0 },
    ]);
    expect(["host", "host:", ":99999", "a b:1", ""].map(findListenAddress)).toEqual(Array(5).fill(undefined));
  });
});

test("the nearest name is the one that was meant, or none", () => {
  const names = ["httpAddr", "orchAddr", "orchSecret"];
  expect(findNearest("htpAddr", names)).toBe("httpAddr");
  expect(findNearest("orchaddr", names)).toBe("orchAddr");
  expect(findNearest("orhcSecret", names)).toBe("orchSecret");
  expect(findNearest("banana", names)).toBeUndefined();
});
