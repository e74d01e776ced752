import {
  type Clock,
  type Logger,
  type Randomness,
  type RivuletError,
  Sequence,
  type Startable,
} from "@rivulet/primitives";
import type { Configuration } from "./config/load.ts";
import { isPayingRole, OFFCHAIN, type Role } from "./config/schema.ts";
import { provideDataDirectory } from "./data-directory.ts";
import { withAdvice } from "./listen-failure.ts";
import { OnChain } from "./money/on-chain.ts";
import type { PriceReload } from "./pricing/reload.ts";
import { gatewayRole } from "./roles/gateway.ts";
import { orchestratorRole } from "./roles/orchestrator.ts";
import { redeemerRole } from "./roles/redeemer.ts";
import { runnerRole } from "./roles/runner.ts";
import { signerRole } from "./roles/signer.ts";
import { workerRole } from "./roles/worker.ts";
import { findStarterModels, type StarterModel } from "./starter-models.ts";

/** One role of a running node. */
export interface RoleNode extends Startable {
  readonly role: Role;
  /** Where it can be reached. Only while it runs. */
  readonly address: string;
  /** Resolves, if ever, with why the role cannot go on. */
  readonly failed?: Promise<RivuletError>;
}

export interface NodePorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  /** Rivulet's own version. */
  readonly version: string;
  /** Hands roles new prices while they run. Absent: prices stay. */
  readonly reload?: PriceReload | undefined;
}

/** What a role may use to make itself. */
export interface RolePorts extends NodePorts {
  readonly starters: readonly StarterModel[];
  /** Started before the role. Absent: off-chain, nothing is paid. */
  readonly chain?: OnChain | undefined;
}

type RoleFactory = (configuration: Configuration, ports: RolePorts) => RoleNode;

const factories: { readonly [R in Role]: RoleFactory } = {
  redeemer: redeemerRole,
  signer: signerRole,
  runner: runnerRole,
  orchestrator: orchestratorRole,
  worker: workerRole,
  gateway: gatewayRole,
};

/**
 * A node in the roles of its configuration, in the order in which they need each other: who offers work before who asks
 * for it.
 */
export class ComposedNode implements Startable {
  readonly roles: readonly RoleNode[];
  readonly #sequence: Sequence;
  readonly #dataDir: string;

  constructor(configuration: Configuration, ports: NodePorts) {
    const starters = findStarterModels();
    this.#dataDir = configuration.settings.dataDir;
    const { network, gateway } = configuration.settings;
    // Who pays through a remote signer needs neither a key nor a chain.
    const isHere = (role: Role) => isPayingRole(role) && !(role === "gateway" && gateway.remoteSigner !== undefined);
    const isPaying = network !== OFFCHAIN && configuration.roles.some(isHere);
    const chain = isPaying ? new OnChain(configuration, ports) : undefined;
    this.roles = ORDER.filter((role) => configuration.roles.includes(role)).map((role) =>
      factories[role](configuration, { ...ports, starters, chain, log: ports.log.child({ role }) }),
    );
    this.#sequence = new Sequence(chain === undefined ? this.roles : [chain, ...this.roles]);
  }

  /** Throws `node.cannot-start` when the data directory or a port cannot be had. */
  async start(): Promise<void> {
    provideDataDirectory(this.#dataDir);
    try {
      await this.#sequence.start();
    } catch (error) {
      throw withAdvice(error);
    }
  }

  /** Throws why a role cannot go on, if ever; resolves when `signal` aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    const failures = this.roles.flatMap(({ failed }) => (failed === undefined ? [] : [failed]));
    const stopped = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const failure = await Promise.race([...failures, stopped]);
    if (failure !== undefined) throw failure;
  }

  stop(): Promise<void> {
    return this.#sequence.stop();
  }
}

const ORDER = ["redeemer", "signer", "runner", "orchestrator", "worker", "gateway"] as const satisfies readonly Role[];
