import type { Capabilities, ModelConstraint } from "./capabilities.ts";
import { bitsOf, isSubset, LEGACY_CAPABILITIES } from "./capability-bits.ts";
import { isVersionAtLeast } from "./version.ts";

const LEGACY_BITS = bitsOf(LEGACY_CAPABILITIES);

/**
 * Whether one who offers `offered` can serve one who wants `wanted`. A capability about whose models the offer says nothing
 * passes here; whoever selects still has to find the model. Capacities do not count. Source: wire-protocol 3.5.
 */
export function isCompatible(wanted: Capabilities | undefined, offered: Capabilities | undefined): boolean {
  if (wanted === undefined) return false;
  if (offered === undefined) return isSubset(wanted.bits, LEGACY_BITS);
  return (
    isVersionAtLeast(offered.version, wanted.minVersion) &&
    isSubset(offered.mandatory, wanted.bits) &&
    modelsServed(wanted, offered) &&
    isSubset(wanted.bits, offered.bits)
  );
}

function modelsServed(wanted: Capabilities, offered: Capabilities): boolean {
  for (const [capability, models] of wanted.models) {
    const here = offered.models.get(capability);
    if (here === undefined) continue;
    for (const [model, want] of models) if (!serves(want, here.get(model))) return false;
  }
  return true;
}

function serves(want: ModelConstraint, have: ModelConstraint | undefined): boolean {
  return (
    have !== undefined && (have.isWarm || !want.isWarm) && isVersionAtLeast(have.runnerVersion, want.runnerVersion)
  );
}
