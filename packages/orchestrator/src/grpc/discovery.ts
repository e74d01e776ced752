import { discoveryText, type Signer, type VerifySignature } from "@rivulet/crypto";
import { type Clock, type Randomness, RivuletError, shortId } from "@rivulet/primitives";
import type { AuthToken, AuthTokens, Hardware, OrchestratorInfo, OrchestratorRequest } from "@rivulet/wire";
import { capabilitiesOfOffers } from "../advertise.ts";
import type { Cashier, Quotation } from "../cashier.ts";
import type { ModelOffer } from "../executor.ts";
import type { Gateways } from "../gateway-webhook.ts";

export interface DiscoveryPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly tokens: AuthTokens;
  readonly signer: Signer;
  readonly verifySignature: VerifySignature;
  readonly offers: () => readonly ModelOffer[];
  readonly hardware: () => readonly Hardware[];
  readonly serviceUri: () => string;
  /** Absent off-chain, where there are no prices and no ticket parameters. */
  readonly cashier?: Cashier;
  /** Absent: whoever asks is told. */
  readonly gateways?: Gateways;
}

export interface DiscoveryOptions {
  /** More service URIs of the same operator. */
  readonly nodes: readonly string[];
}

/**
 * What an orchestrator says about itself. What it cannot serve it answers too: the gateway chooses. Source: wire-protocol
 * 3.2, 3.3.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #ports: DiscoveryPorts;

  constructor(options: DiscoveryOptions, ports: DiscoveryPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Throws "auth.rejected" when the signature is not the sender's, and what `Gateways.admit` and `Cashier.quote` throw. */
  async answer(request: OrchestratorRequest, signal?: AbortSignal): Promise<OrchestratorInfo> {
    const { clock, randomness, tokens, verifySignature, offers, hardware, cashier, gateways } = this.#ports;
    if (!verifySignature(request.address, discoveryText(request.address), request.signature))
      throw new RivuletError("auth.rejected", {
        reason: "Invalid orchestrator request: orchestrator req sig check failed",
      });
    await gateways?.admit(request.address, signal);
    const quotation = await cashier?.quote(request.address, request.capabilities, signal);
    const told = this.info(tokens.issue(shortId(randomness), clock.now()), quotation);
    if (request.capabilities !== undefined) return told;
    return { ...told, hardware: hardware(), prices: cashier?.list(request.address, offers()) ?? [] };
  }

  /** What is told whoever asks, in a session, with what is to be paid with. */
  info(authToken: AuthToken, quotation: Quotation | undefined): OrchestratorInfo {
    const { signer, offers, serviceUri, cashier } = this.#ports;
    return {
      serviceUri: serviceUri(),
      address: cashier?.recipient ?? signer.address,
      capabilities: capabilitiesOfOffers(offers(), "free"),
      authToken,
      hardware: [],
      prices: [],
      nodes: this.#options.nodes,
      ...quotation,
    };
  }

  /** Opens a session of this name. */
  token(sessionId: string): AuthToken {
    return this.#ports.tokens.issue(sessionId, this.#ports.clock.now());
  }

  /** A signature over the value: off-chain no bytes. */
  ping(value: Uint8Array): Uint8Array {
    return this.#ports.signer.sign(value);
  }

  /** Throws "credentials.token-…" for a session that is not ours. Sessions of AI jobs hold nothing that could be ended. */
  endSession(token: AuthToken | undefined): void {
    this.#ports.tokens.verify(token, this.#ports.clock.now());
  }
}
