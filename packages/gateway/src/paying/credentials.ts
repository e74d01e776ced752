import type { Signer } from "@rivulet/crypto";
import type { Pipeline } from "@rivulet/pipelines";
import { invariant } from "@rivulet/primitives";
import {
  type AuthToken,
  batchManifestId,
  type Capabilities,
  encodeSegmentCredentials,
  signSegmentCredentials,
} from "@rivulet/wire";

/** Names the account of one model's batch jobs, on both sides. */
export function manifestIdOf({ capability, name }: Pipeline, model: string): string {
  invariant(capability.kind === "network", `a batch pipeline has a capability number: ${name}`);
  return batchManifestId(capability.id, model);
}

/** `Livepeer-Segment` headers, signed once for each token and model. */
export class Credentials {
  readonly #signer: Signer;
  readonly #headers = new WeakMap<AuthToken, Map<string, string>>();

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  header(authToken: AuthToken, manifestId: string, capabilities: Capabilities): string {
    const headers = this.#headers.get(authToken) ?? new Map<string, string>();
    this.#headers.set(authToken, headers);
    const known = headers.get(manifestId);
    if (known !== undefined) return known;
    const signed = signSegmentCredentials({ manifestId, capabilities, authToken }, this.#signer);
    const header = encodeSegmentCredentials(signed);
    headers.set(manifestId, header);
    return header;
  }
}
