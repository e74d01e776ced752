import { GatewayWebhook, type ListenAddress, Orchestrator, SeveralExecutors } from "@rivulet/orchestrator";
import { RivuletError, Sequence, type ServiceUri, serviceUri } from "@rivulet/primitives";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import { Late } from "../late.ts";
import { orchestratorMoney } from "../money/orchestrator-money.ts";
import { localExecutors } from "./executors.ts";
import { ownModels } from "./models.ts";

/** Source: nodes-and-operations 0.2. */
const DEFAULT_PORT = 8935;

/** Work for gateways: done on this machine, behind the URLs of external runners, by attached workers, or by all of them. */
export function orchestratorRole(configuration: Configuration, ports: RolePorts): RoleNode {
  const { settings, models } = configuration;
  const { serviceUri: told, httpAddr, secret, isWorker, gatewayWebhook, ...about } = settings.orchestrator;
  const external = models.orchestrator.filter(({ endpoint }) => endpoint !== undefined);
  const served = isWorker ? models.orchestrator : external;
  const problems: ConfigProblem[] = [];
  if (told === undefined && httpAddr === undefined)
    problems.push({ path: "-serviceAddr", message: "say at which HOST:PORT gateways reach this orchestrator" });
  if (served.length === 0 && secret === undefined)
    problems.push({
      path: "-orchSecret",
      message: "nobody would do the jobs: set -orchSecret for workers, or -aiWorker and -aiModels to do them here",
    });
  if (isWorker && ownModels(served).length === 0 && external.length === 0)
    problems.push({ path: "-aiModels", message: "-aiWorker needs the models to run" });
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });

  const where = whereabouts(told, httpAddr);
  const executors = localExecutors({ ...about, dataDir: settings.dataDir, starters: ports.starters }, served, ports);
  const options = {
    ...(where.isClearText ? { listenClearText: where.listen } : { listen: where.listen }),
    ...(where.serviceUri === undefined ? {} : { serviceUri: where.serviceUri }),
    ...(secret === undefined ? {} : { workerSecret: secret.reveal() }),
    version: ports.version,
    results: { maxBytes: settings.orchestrator.resultMemory },
  };
  const executor = executors.length === 0 ? {} : { executor: new SeveralExecutors(executors) };
  const orchestrator = new Late(() => {
    const { chain } = ports;
    const payments = chain === undefined ? {} : { payments: orchestratorMoney(configuration, chain.parts, ports) };
    const gateways =
      gatewayWebhook === undefined ? {} : { gateways: new GatewayWebhook(gatewayWebhook.href, { clock: ports.clock }) };
    return new Orchestrator(options, { ...ports, ...executor, ...payments, ...gateways });
  });
  const parts = new Sequence([...executors, orchestrator]);
  return {
    role: "orchestrator",
    start: () => parts.start(),
    stop: () => parts.stop(),
    get address() {
      return orchestrator.made.serviceUri;
    },
  };
}

interface Whereabouts {
  readonly listen: ListenAddress;
  readonly isClearText: boolean;
  /** Absent when it is only known once the port is open. */
  readonly serviceUri?: ServiceUri;
}

/** Where to listen and what to tell gateways, from an operator's `-serviceAddr` and `-httpAddr`. */
export function whereabouts(told: string | undefined, httpAddr: ListenAddress | undefined): Whereabouts {
  const isClearText = told?.startsWith("http://") ?? false;
  // "Any free port" is not an address: what the system chose is told instead.
  const uri = told === undefined || /:0$/.test(told) ? undefined : serviceUri(told);
  const port = uri === undefined ? DEFAULT_PORT : Number(new URL(uri).port || DEFAULT_PORT);
  return {
    listen: httpAddr ?? { host: "0.0.0.0", port },
    isClearText,
    ...(uri === undefined ? {} : { serviceUri: uri }),
  };
}
