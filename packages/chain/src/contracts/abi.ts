import { parseAbi } from "viem";

/**
 * The parts of the protocol's contracts that a node calls or listens to. Source: payments-and-chain 10; every selector
 * and topic here is compared with vectors/chain.
 */
export const controllerAbi = parseAbi([
  "function getContract(bytes32 id) view returns (address)",
  "function getContractInfo(bytes32 id) view returns (address contractAddress, bytes20 gitCommitHash)",
  "function paused() view returns (bool)",
  "function owner() view returns (address)",
  "function unpause()",
  "function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash)",
  "event SetContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash)",
]);

export const ticketBrokerAbi = parseAbi([
  "struct Ticket { address recipient; address sender; uint256 faceValue; uint256 winProb; uint256 senderNonce; bytes32 recipientRandHash; bytes auxData; }",
  "struct Sender { uint256 deposit; uint256 withdrawRound; }",
  "struct ReserveInfo { uint256 fundsRemaining; uint256 claimedInCurrentRound; }",
  "function fundDeposit() payable",
  "function fundReserve() payable",
  "function fundDepositAndReserve(uint256 depositAmount, uint256 reserveAmount) payable",
  "function fundDepositAndReserveFor(address addr, uint256 depositAmount, uint256 reserveAmount) payable",
  "function redeemWinningTicket(Ticket ticket, bytes sig, uint256 recipientRand)",
  "function batchRedeemWinningTickets(Ticket[] tickets, bytes[] sigs, uint256[] recipientRands)",
  "function unlock()",
  "function cancelUnlock()",
  "function withdraw()",
  "function getSenderInfo(address sender) view returns (Sender sender, ReserveInfo reserve)",
  "function getReserveInfo(address reserveHolder) view returns (ReserveInfo info)",
  "function claimableReserve(address reserveHolder, address claimant) view returns (uint256)",
  "function claimedReserve(address reserveHolder, address claimant) view returns (uint256)",
  "function usedTickets(bytes32 ticketHash) view returns (bool)",
  "function unlockPeriod() view returns (uint256)",
  "function ticketValidityPeriod() view returns (uint256)",
  "function isUnlockInProgress(address sender) view returns (bool)",
  "function getTicketHash(Ticket ticket) view returns (bytes32)",
  "event DepositFunded(address indexed sender, uint256 amount)",
  "event ReserveFunded(address indexed reserveHolder, uint256 amount)",
  "event ReserveClaimed(address indexed reserveHolder, address claimant, uint256 amount)",
  "event WinningTicketTransfer(address indexed sender, address indexed recipient, uint256 amount)",
  "event WinningTicketRedeemed(address indexed sender, address indexed recipient, uint256 faceValue, uint256 winProb, uint256 senderNonce, uint256 recipientRand, bytes auxData)",
  "event Unlock(address indexed sender, uint256 startRound, uint256 endRound)",
  "event UnlockCancelled(address indexed sender)",
  "event Withdrawal(address indexed sender, uint256 deposit, uint256 reserve)",
]);

export const roundsManagerAbi = parseAbi([
  "function initializeRound()",
  "function currentRound() view returns (uint256)",
  "function lastInitializedRound() view returns (uint256)",
  "function currentRoundInitialized() view returns (bool)",
  "function currentRoundLocked() view returns (bool)",
  "function currentRoundStartBlock() view returns (uint256)",
  "function blockHashForRound(uint256 round) view returns (bytes32)",
  "function blockNum() view returns (uint256)",
  "function blockHash(uint256 blockNumber) view returns (bytes32)",
  "function roundLength() view returns (uint256)",
  "function roundLockAmount() view returns (uint256)",
  "event NewRound(uint256 indexed round, bytes32 blockHash)",
]);

export const bondingManagerAbi = parseAbi([
  "function getFirstTranscoderInPool() view returns (address)",
  "function getNextTranscoderInPool(address transcoder) view returns (address)",
  "function getTranscoder(address transcoder) view returns (uint256 lastRewardRound, uint256 rewardCut, uint256 feeShare, uint256 lastActiveStakeUpdateRound, uint256 activationRound, uint256 deactivationRound, uint256 activeCumulativeRewards, uint256 cumulativeRewards, uint256 cumulativeFees, uint256 lastFeeRound)",
  "function getTranscoderEarningsPoolForRound(address transcoder, uint256 round) view returns (uint256 totalStake, uint256 transcoderRewardCut, uint256 transcoderFeeShare, uint256 cumulativeRewardFactor, uint256 cumulativeFeeFactor)",
  "function transcoderTotalStake(address transcoder) view returns (uint256)",
  "function transcoderStatus(address transcoder) view returns (uint8)",
  "function delegatorStatus(address delegator) view returns (uint8)",
  "function isActiveTranscoder(address transcoder) view returns (bool)",
  "function isRegisteredTranscoder(address transcoder) view returns (bool)",
  "function getTranscoderPoolSize() view returns (uint256)",
  "function getTranscoderPoolMaxSize() view returns (uint256)",
  "function getTotalBonded() view returns (uint256)",
  "function getDelegator(address delegator) view returns (uint256 bondedAmount, uint256 fees, address delegateAddress, uint256 delegatedAmount, uint256 startRound, uint256 lastClaimRound, uint256 nextUnbondingLockId)",
  "function getDelegatorUnbondingLock(address delegator, uint256 unbondingLockId) view returns (uint256 amount, uint256 withdrawRound)",
  "function pendingStake(address delegator, uint256 endRound) view returns (uint256)",
  "function pendingFees(address delegator, uint256 endRound) view returns (uint256)",
  "function unbondingPeriod() view returns (uint64)",
  "function bond(uint256 amount, address to)",
  "function bondWithHint(uint256 amount, address to, address oldDelegateNewPosPrev, address oldDelegateNewPosNext, address currDelegateNewPosPrev, address currDelegateNewPosNext)",
  "function unbondWithHint(uint256 amount, address newPosPrev, address newPosNext)",
  "function rebondWithHint(uint256 unbondingLockId, address newPosPrev, address newPosNext)",
  "function rebondFromUnbondedWithHint(address to, uint256 unbondingLockId, address newPosPrev, address newPosNext)",
  "function transcoder(uint256 rewardCut, uint256 feeShare)",
  "function rewardWithHint(address newPosPrev, address newPosNext)",
  "function withdrawStake(uint256 unbondingLockId)",
  "function withdrawFees(address recipient, uint256 amount)",
  "function claimEarnings(uint256 endRound)",
  "function updateTranscoderWithFees(address transcoder, uint256 fees, uint256 round)",
  "event TranscoderActivated(address indexed transcoder, uint256 activationRound)",
  "event TranscoderDeactivated(address indexed transcoder, uint256 deactivationRound)",
  "event TranscoderUpdate(address indexed transcoder, uint256 rewardCut, uint256 feeShare)",
  "event Bond(address indexed newDelegate, address indexed oldDelegate, address indexed delegator, uint256 additionalAmount, uint256 bondedAmount)",
  "event Unbond(address indexed delegate, address indexed delegator, uint256 unbondingLockId, uint256 amount, uint256 withdrawRound)",
  "event Rebond(address indexed delegate, address indexed delegator, uint256 unbondingLockId, uint256 amount)",
  "event WithdrawStake(address indexed delegator, uint256 unbondingLockId, uint256 amount, uint256 withdrawRound)",
  "event WithdrawFees(address indexed delegator, address recipient, uint256 amount)",
  "event Reward(address indexed transcoder, uint256 amount)",
  "event EarningsClaimed(address indexed delegate, address indexed delegator, uint256 rewards, uint256 fees, uint256 startRound, uint256 endRound)",
]);

/** ServiceRegistry, and AIServiceRegistry, which has the same functions and another address. */
export const serviceRegistryAbi = parseAbi([
  "function getServiceURI(address addr) view returns (string)",
  "function setServiceURI(string serviceURI)",
  "event ServiceURIUpdate(address indexed addr, string serviceURI)",
]);

export const tokenAbi = parseAbi([
  "function approve(address spender, uint256 amount) returns (bool)",
  "function allowance(address owner, address spender) view returns (uint256)",
  "function transfer(address to, uint256 amount) returns (bool)",
  "function transferFrom(address from, address to, uint256 amount) returns (bool)",
  "function balanceOf(address account) view returns (uint256)",
  "function totalSupply() view returns (uint256)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "event Approval(address indexed owner, address indexed spender, uint256 value)",
]);

export const minterAbi = parseAbi([
  "function currentMintableTokens() view returns (uint256)",
  "function inflation() view returns (uint256)",
  "function inflationChange() view returns (uint256)",
  "function targetBondingRate() view returns (uint256)",
  "function getGlobalTotalSupply() view returns (uint256)",
]);

/** Gives test tokens away; absent from networks whose token is worth something. */
export const faucetAbi = parseAbi([
  "function request()",
  "function nextValidRequest(address account) view returns (uint256)",
]);

/** A price feed of Chainlink. */
export const aggregatorAbi = parseAbi([
  "function decimals() view returns (uint8)",
  "function description() view returns (string)",
  "function latestRoundData() view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)",
]);
