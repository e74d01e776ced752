import type { Rounds, SenderFunds } from "./ports.ts";

/** Whether a sender can take its funds back before tickets made now are redeemed. Source: payments 9.7. */
export function isUnlockingSoon(
  { withdrawRound }: Pick<SenderFunds, "withdrawRound">,
  { lastInitializedRound }: Pick<Rounds, "lastInitializedRound">,
): boolean {
  return withdrawRound !== 0n && withdrawRound <= lastInitializedRound + 1n;
}
