/**
 * Arithmetic of the contracts, for those who must know an answer without asking. Whole numbers, rounded down as there.
 * Sources: payments-and-chain 10.3, 11.1 to 11.3, 12.1.
 */

/** The scale of shares such as a reward cut: parts of a million. */
export const SHARE = 1_000_000n;
/** The scale of cumulative factors. */
export const PRECISE = 10n ** 27n;

export interface RoundSchedule {
  /** The round in which the length was changed last, and its first block. */
  readonly lengthUpdateRound: bigint;
  readonly lengthUpdateStartBlock: bigint;
  /** L1 blocks. */
  readonly roundLength: bigint;
  /** Parts of a million of the round, at its end. */
  readonly lockAmount: bigint;
}

export interface RoundTime {
  readonly round: bigint;
  readonly startBlock: bigint;
  readonly isLocked: boolean;
}

/** The round that an L1 block is in, initialized or not. */
export function roundAt(l1Block: bigint, schedule: RoundSchedule): RoundTime {
  const { lengthUpdateRound, lengthUpdateStartBlock, roundLength, lockAmount } = schedule;
  const rounds = (l1Block - lengthUpdateStartBlock) / roundLength;
  const startBlock = lengthUpdateStartBlock + rounds * roundLength;
  const isLocked = l1Block - startBlock >= roundLength - percOf(roundLength, lockAmount);
  return { round: lengthUpdateRound + rounds, startBlock, isLocked };
}

/** Whether the contract still pays a ticket of `creationRound` in `currentRound`. */
export function isRedeemable(creationRound: bigint, currentRound: bigint, validityRounds: bigint): boolean {
  return creationRound + validityRounds > currentRound;
}

/** `points / scale` of an amount. */
export function percOf(amount: bigint, points: bigint, scale = SHARE): bigint {
  return (amount * points) / scale;
}

/** A fraction as points of a scale. */
export function percPoints(numerator: bigint, denominator: bigint, scale = SHARE): bigint {
  return (numerator * scale) / denominator;
}

export interface ReserveState {
  readonly deposit: bigint;
  readonly reserve: bigint;
  /** Claimed from the reserve in the current round, by everybody and by this claimant. */
  readonly claimedInRound: bigint;
  readonly claimedByClaimant: bigint;
  readonly poolSize: bigint;
  readonly isClaimantActive: boolean;
}

/** What a claimant may take of a reserve now. Below zero never: its part can only shrink to what it has taken. */
export function claimableReserve(state: Omit<ReserveState, "deposit">): bigint {
  if (!state.isClaimantActive || state.poolSize === 0n) return 0n;
  const part = (state.reserve + state.claimedInRound) / state.poolSize;
  return part > state.claimedByClaimant ? part - state.claimedByClaimant : 0n;
}

/** How a face value is paid: from the deposit as far as it goes, then from what is claimable of the reserve. */
export function payoutOf(faceValue: bigint, deposit: bigint, claimable: bigint): { paid: bigint; claimed: bigint } {
  if (faceValue <= deposit) return { paid: faceValue, claimed: 0n };
  const wanted = faceValue - deposit;
  const claimed = wanted < claimable ? wanted : claimable;
  return { paid: deposit + claimed, claimed };
}

export interface FeeSplitTerms {
  /** Parts of a million that delegators get. */
  readonly feeShare: bigint;
  readonly totalStake: bigint;
  /** The orchestrator's own rewards that count as its stake in this round. */
  readonly activeCumulativeRewards: bigint;
  readonly previousRewardFactor: bigint;
  readonly feeFactor: bigint;
}

export interface FeeSplit {
  readonly delegatorsFees: bigint;
  readonly commission: bigint;
  /** The part of the delegators' fees that the orchestrator's own rewards earn. */
  readonly rewardStakeFees: bigint;
  /** What the orchestrator's own fees grow by. */
  readonly cumulativeFees: bigint;
  readonly feeFactor: bigint;
}

/** How fees are shared between an orchestrator and its delegators. */
export function splitFees(fees: bigint, terms: FeeSplitTerms): FeeSplit {
  const { feeShare, totalStake, activeCumulativeRewards, previousRewardFactor, feeFactor } = terms;
  const delegatorsFees = percOf(fees, feeShare);
  const commission = fees - delegatorsFees;
  const rewardStakeFees = percOf(delegatorsFees, percPoints(activeCumulativeRewards, totalStake, PRECISE), PRECISE);
  const perStake = percPoints(delegatorsFees, totalStake, PRECISE);
  return {
    delegatorsFees,
    commission,
    rewardStakeFees,
    cumulativeFees: commission + rewardStakeFees,
    feeFactor: feeFactor + percOf(previousRewardFactor, perStake, PRECISE),
  };
}

const INT64_MAX = 2n ** 63n - 1n;

/** Stake in units of 1e-5 LPT, at most what 63 bits hold: the form in which stakes weigh in the published selection. */
export function stakeToFixed(stake: bigint): bigint {
  const fixed = stake / 10n ** 13n;
  return fixed < INT64_MAX ? fixed : INT64_MAX;
}
