import { type Finding, isTest, isTool, projectFiles, read, report } from "./source-files.ts";

/** The rules of CONTRIBUTING.md that the compiler and the linter do not know. */
interface Habit {
  readonly pattern: RegExp;
  readonly rule: string;
  /** Where the rule holds. */
  readonly holds: (path: string) => boolean;
}

const inPackages = (path: string) =>
  path.startsWith("packages/") && !isTest(path) && !isTool(path) && !path.startsWith("packages/testkit/");
const domain = (path: string) => inPackages(path) && !/^packages\/(node|runner)\//.test(path);

const habits: readonly Habit[] = [
  {
    pattern: /\bprocess\.env\b/,
    rule: "only the configuration, and a process's own entry point, read the environment",
    holds: (path) => inPackages(path) && !/^packages\/node\/|\/[a-z-]*main\.ts$/.test(path),
  },
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, rule: "take the time from a Clock", holds: domain },
  { pattern: /\bMath\.random\(/, rule: "take chance from a Randomness", holds: inPackages },
  { pattern: /\bswitch \((?:\w+\.)*pipeline(?:\.name)?\)/, rule: "no switch on a pipeline's name", holds: inPackages },
  { pattern: /\bas any\b|: any\b|<any>/, rule: "no any", holds: inPackages },
  { pattern: /^\s*(?:export\s+)?(?:const\s+)?enum\s/, rule: "no enums: types must erase", holds: inPackages },
  { pattern: /\bconsole\.(?:log|error|warn)\(/, rule: "say it through a Logger", holds: (path) => domain(path) },
  { pattern: /\b(?:TODO|FIXME|XXX)\b/, rule: "finish it or file it", holds: () => true },
];
const FOLDERS = /(?:^|\/)(?:utils?|common|helpers?|misc|core|lib|shared)\//;
const SELF = "scripts/check-habits.ts";

const findings: Finding[] = [];
for (const path of projectFiles(".ts", ".mjs")) {
  if (path === SELF || path.includes("/gen/")) continue;
  if (FOLDERS.test(path)) findings.push({ path, line: 1, rule: "a folder needs the name of what is in it" });
  const held = habits.filter((habit) => habit.holds(path));
  read(path)
    .split("\n")
    .forEach((text, index) => {
      if (/^\s*(?:\/\/|\*|\/\*)/.test(text) && !/TODO|FIXME|XXX/.test(text)) return;
      for (const { pattern, rule } of held) if (pattern.test(text)) findings.push({ path, line: index + 1, rule });
    });
}
report("habits", findings);
