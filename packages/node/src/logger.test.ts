import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

function written(format: "lines" | "json", level: "info" | "debug" = "info") {
  const lines: string[] = [];
  const log = createLogger({ level, format, write: (text) => lines.push(text) });
  return { log, lines };
}

test("a line for people has the time, the event and its facts", () => {
  const { log, lines } = written("lines");
  log
    .child({ orchestrator: "http://o" })
    .warn("orchestrator suspended", { reason: "two words", forMs: 12.345, code: undefined });
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d warn orchestrator suspended {2}orchestrator=http:\/\/o reason="two words" forMs=12\.3\n$/,
  );
});

test("a line for programs is one JSON object", () => {
  const { log, lines } = written("json");
  log.child({ job: "a" }).info("job finished", { work: 10n ** 20n });
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "info",
    event: "job finished",
    job: "a",
    work: "100000000000000000000",
  });
});

test("what is less important than the level is not said", () => {
  for (const format of ["lines", "json"] as const) {
    const { log, lines } = written(format);
    log.debug("detail");
    expect(lines).toEqual([]);
  }
});

test.each(["process.exit(0)", "throw new Error('the end')"])("nothing said before %s is lost", (end) => {
  const logger = new URL("logger.ts", import.meta.url);
  const program = `import { createLogger } from ${JSON.stringify(logger.href)};
    const log = createLogger({ level: "info", format: "json" });
    for (const event of ["first", "last"]) log.info(event);
    ${end};`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], { encoding: "utf8" });
  const events = stderr.split("\n").flatMap((line) => /"event":"(\w+)"/.exec(line)?.[1] ?? []);
  expect(events).toEqual(["first", "last"]);
});
