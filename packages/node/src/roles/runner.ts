import { Sequence } from "@rivulet/primitives";
import { ALL_IMPLEMENTATIONS, compileSettings, Hardware, processLauncher, Runner, RunnerServer } from "@rivulet/runner";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { Configuration } from "../config/load.ts";
import { runnerSettingsOf, warnOfUnusedFlags } from "./models.ts";

/** A runner that anybody may call: its models, each in a process, behind the published HTTP surface. */
export function runnerRole({ settings, models }: Configuration, ports: RolePorts): RoleNode {
  const { httpAddr, token, ...about } = settings.runner;
  warnOfUnusedFlags(models.runner, ports.log);
  const compiled = compileSettings({
    ...runnerSettingsOf(about, models.runner, ports.starters, settings.dataDir),
    ...httpAddr,
    ...(token === undefined ? {} : { authToken: token.reveal() }),
  });
  const launcher = processLauncher({ implementations: ALL_IMPLEMENTATIONS, log: ports.log });
  const runner = new Runner(compiled.runner, { ...ports, launcher });
  const server = new RunnerServer(compiled.server, { ...ports, runner, hardware: new Hardware(ports) });
  const parts = new Sequence([runner, server]);
  return {
    role: "runner",
    start: () => parts.start(),
    stop: () => parts.stop(),
    get address() {
      return server.url;
    },
  };
}
