import { SeveralExecutors, Worker } from "@rivulet/orchestrator";
import { RivuletError, Sequence } from "@rivulet/primitives";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import { localExecutors } from "./executors.ts";

/** The jobs of an orchestrator on another machine, done here or behind the URLs of external runners. */
export function workerRole({ settings, models }: Configuration, ports: RolePorts): RoleNode {
  const { orchestrator, secret, ...about } = settings.worker;
  const problems: ConfigProblem[] = [];
  if (orchestrator === undefined) problems.push({ path: "-orchAddr", message: "say which orchestrator to work for" });
  if (secret === undefined)
    problems.push({ path: "-orchSecret", message: "the orchestrator lets nobody in without its secret" });
  if (models.worker.length === 0) problems.push({ path: "-aiModels", message: "a worker needs the models to run" });
  if (orchestrator === undefined || secret === undefined || problems.length > 0)
    throw new RivuletError("config.invalid", { problems });

  const executors = localExecutors(
    { ...about, dataDir: settings.dataDir, starters: ports.starters },
    models.worker,
    ports,
  );
  const worker = new Worker(
    { orchestrator, secret: secret.reveal() },
    { ...ports, executor: new SeveralExecutors(executors) },
  );
  const parts = new Sequence([...executors, worker]);
  return {
    role: "worker",
    start: () => parts.start(),
    stop: () => parts.stop(),
    failed: worker.gaveUp,
    // It connects out, so its orchestrator is the only address there is.
    address: orchestrator,
  };
}
