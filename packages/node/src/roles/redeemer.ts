import { Redeemer } from "@rivulet/orchestrator";
import { invariant, RivuletError, Sequence } from "@rivulet/primitives";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import { tlsIdentity } from "../config/tls-files.ts";
import { Late } from "../late.ts";
import { ownRedemption } from "../money/own-redemption.ts";

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

/** Redeems the winners of several orchestrators that share one operator. */
export function redeemerRole(configuration: Configuration, ports: RolePorts): RoleNode {
  const { httpAddr, secret, allowNoAuth, tlsCertificate, tlsKey } = configuration.settings.redeemer;
  const problems: ConfigProblem[] = [];
  if (secret === undefined && !allowNoAuth)
    problems.push({
      path: "-redeemerSecret",
      message: "tickets are secrets: set what orchestrators must show, or -allowNoAuth on a loopback address",
    });
  if (secret === undefined && allowNoAuth && !LOOPBACK.has(httpAddr.host))
    problems.push({ path: "-allowNoAuth", message: `${httpAddr.host} can be reached from elsewhere` });
  if (configuration.roles.includes("orchestrator"))
    problems.push({
      path: "roles",
      message:
        "an orchestrator redeems by itself; a redeemer for several is a process with a data directory of its own",
    });
  const certificate = tlsIdentity({ certificate: tlsCertificate, key: tlsKey }, problems);
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });

  const { chain } = ports;
  invariant(chain !== undefined, "a redeemer is on a chain");
  const redemption = new Late(() => {
    const { queue, monitor, parts } = ownRedemption(configuration, chain.parts, ports);
    return Object.assign(new Sequence(parts), { queue, monitor });
  });
  const redeemer = new Late(() => {
    const { store, signatures, operator } = chain.parts;
    const { queue, monitor } = redemption.made;
    return new Redeemer(
      {
        listen: httpAddr,
        recipient: operator,
        ...(secret === undefined ? {} : { secret: secret.reveal() }),
        ...(certificate === undefined ? {} : { certificate }),
      },
      { ...ports, store, queue, monitor, recovery: signatures },
    );
  });
  const parts = new Sequence([redemption, redeemer]);
  return {
    role: "redeemer",
    start: () => parts.start(),
    stop: () => parts.stop(),
    get address() {
      return redeemer.made.address;
    },
  };
}
