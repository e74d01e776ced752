// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EarningsPool} from "./EarningsPool.sol";
import {Fraction} from "./Fraction.sol";
import {Managed} from "./Managed.sol";
import {IController} from "./Neighbours.sol";
import {TranscoderPool} from "./TranscoderPool.sol";

/// Stake, the pool of orchestrators that it makes active, and what they and their delegators earn.
///
/// Terms: a *transcoder* is an orchestrator; it is registered once it delegates tokens to itself.
contract BondingManager is Managed {
    using EarningsPool for EarningsPool.Pool;
    using TranscoderPool for TranscoderPool.Pool;

    enum TranscoderStatus {
        NotRegistered,
        Registered
    }

    enum DelegatorStatus {
        Pending,
        Bonded,
        Unbonded
    }

    struct Transcoder {
        uint256 lastRewardRound;
        uint256 rewardCut;
        uint256 feeShare;
        uint256 lastActiveStakeUpdateRound;
        uint256 activationRound;
        uint256 deactivationRound;
        uint256 activeCumulativeRewards;
        uint256 cumulativeRewards;
        uint256 cumulativeFees;
        uint256 lastFeeRound;
        mapping(uint256 => EarningsPool.Pool) earningsPools;
    }

    struct UnbondingLock {
        uint256 amount;
        uint256 withdrawRound;
    }

    struct Delegator {
        uint256 bondedAmount;
        uint256 fees;
        address delegateAddress;
        uint256 delegatedAmount;
        uint256 startRound;
        uint256 lastClaimRound;
        uint256 nextUnbondingLockId;
        mapping(uint256 => UnbondingLock) unbondingLocks;
    }

    /// Where in the pool the caller expects an orchestrator to stand afterwards. Zero addresses are no hint.
    struct Hint {
        address previous;
        address next;
    }

    event TranscoderUpdate(address indexed transcoder, uint256 rewardCut, uint256 feeShare);
    event TranscoderActivated(address indexed transcoder, uint256 activationRound);
    event TranscoderDeactivated(address indexed transcoder, uint256 deactivationRound);
    event Reward(address indexed transcoder, uint256 amount);
    event Bond(
        address indexed newDelegate,
        address indexed oldDelegate,
        address indexed delegator,
        uint256 additionalAmount,
        uint256 bondedAmount
    );
    event Unbond(
        address indexed delegate,
        address indexed delegator,
        uint256 unbondingLockId,
        uint256 amount,
        uint256 withdrawRound
    );
    event Rebond(address indexed delegate, address indexed delegator, uint256 unbondingLockId, uint256 amount);
    event WithdrawStake(address indexed delegator, uint256 unbondingLockId, uint256 amount, uint256 withdrawRound);
    event WithdrawFees(address indexed delegator, address recipient, uint256 amount);
    event EarningsClaimed(
        address indexed delegate,
        address indexed delegator,
        uint256 rewards,
        uint256 fees,
        uint256 startRound,
        uint256 endRound
    );

    uint256 private constant NEVER = type(uint256).max;

    uint64 public unbondingPeriod;
    uint256 private currentRoundTotalActiveStake;
    uint256 private nextRoundTotalActiveStake;
    TranscoderPool.Pool private pool;
    mapping(address => Delegator) private delegators;
    mapping(address => Transcoder) private transcoders;

    constructor(IController controller_, uint64 unbondingPeriod_, uint256 poolMaxSize) Managed(controller_) {
        unbondingPeriod = unbondingPeriod_;
        pool.maxSize = poolMaxSize;
    }

    /// Brings the caller's stake and fees up to the current round before anything else happens to them.
    modifier afterClaimingEarnings() {
        uint256 round = roundsManager().currentRound();
        if (delegators[msg.sender].lastClaimRound < round) claim(msg.sender, round);
        _;
    }

    // Terms of an orchestrator

    function transcoder(uint256 rewardCut, uint256 feeShare) external whenSystemNotPaused whenRoundInitialized {
        require(
            !roundsManager().currentRoundLocked(), "can't update transcoder params, current round is locked"
        );
        require(rewardCut <= Fraction.WHOLE, "invalid rewardCut percentage");
        require(feeShare <= Fraction.WHOLE, "invalid feeShare percentage");
        require(isRegisteredTranscoder(msg.sender), "transcoder must be registered");
        Transcoder storage t = transcoders[msg.sender];
        uint256 round = roundsManager().currentRound();
        require(
            !isActiveTranscoder(msg.sender) || t.lastRewardRound == round,
            "caller can't be active or must have already called reward for the current round"
        );
        t.rewardCut = rewardCut;
        t.feeShare = feeShare;
        if (!pool.contains(msg.sender)) joinPool(msg.sender, transcoderTotalStake(msg.sender), round + 1, Hint(address(0), address(0)));
        emit TranscoderUpdate(msg.sender, rewardCut, feeShare);
    }

    // Bonding

    function bond(uint256 amount, address to) external {
        bondWithHint(amount, to, address(0), address(0), address(0), address(0));
    }

    function bondWithHint(
        uint256 amount,
        address to,
        address oldDelegateNewPosPrev,
        address oldDelegateNewPosNext,
        address currDelegateNewPosPrev,
        address currDelegateNewPosNext
    ) public whenSystemNotPaused whenRoundInitialized afterClaimingEarnings {
        Delegator storage delegator = delegators[msg.sender];
        address oldDelegate = delegator.delegateAddress;
        uint256 moved = amount;
        if (delegator.bondedAmount == 0) {
            delegator.startRound = roundsManager().currentRound() + 1;
        } else if (oldDelegate != to) {
            require(
                !isRegisteredTranscoder(msg.sender), "registered transcoders can't delegate towards other addresses"
            );
            delegator.startRound = roundsManager().currentRound() + 1;
            moved += delegator.bondedAmount;
            decreaseStake(oldDelegate, delegator.bondedAmount, Hint(oldDelegateNewPosPrev, oldDelegateNewPosNext));
        }
        require(moved > 0, "delegation amount must be greater than 0");
        delegator.delegateAddress = to;
        delegator.bondedAmount += amount;
        increaseStake(to, moved, Hint(currDelegateNewPosPrev, currDelegateNewPosNext));
        if (amount > 0) livepeerToken().transferFrom(msg.sender, address(minter()), amount);
        emit Bond(to, oldDelegate, msg.sender, amount, delegator.bondedAmount);
    }

    function unbondWithHint(uint256 amount, address newPosPrev, address newPosNext)
        external
        whenSystemNotPaused
        whenRoundInitialized
        afterClaimingEarnings
    {
        require(delegatorStatus(msg.sender) == DelegatorStatus.Bonded, "caller must be bonded");
        Delegator storage delegator = delegators[msg.sender];
        require(amount > 0, "unbond amount must be greater than 0");
        require(amount <= delegator.bondedAmount, "amount is greater than bonded amount");

        address delegate = delegator.delegateAddress;
        uint256 withdrawRound = roundsManager().currentRound() + unbondingPeriod;
        uint256 lockId = delegator.nextUnbondingLockId++;
        delegator.unbondingLocks[lockId] = UnbondingLock(amount, withdrawRound);
        delegator.bondedAmount -= amount;
        if (delegator.bondedAmount == 0) {
            delegator.delegateAddress = address(0);
            delegator.startRound = 0;
            if (pool.contains(msg.sender)) leavePool(msg.sender);
        }
        decreaseStake(delegate, amount, Hint(newPosPrev, newPosNext));
        emit Unbond(delegate, msg.sender, lockId, amount, withdrawRound);
    }

    function rebondWithHint(uint256 unbondingLockId, address newPosPrev, address newPosNext)
        external
        whenSystemNotPaused
        whenRoundInitialized
        afterClaimingEarnings
    {
        require(delegatorStatus(msg.sender) != DelegatorStatus.Unbonded, "caller must be bonded");
        rebond(unbondingLockId, Hint(newPosPrev, newPosNext));
    }

    function rebondFromUnbondedWithHint(address to, uint256 unbondingLockId, address newPosPrev, address newPosNext)
        external
        whenSystemNotPaused
        whenRoundInitialized
        afterClaimingEarnings
    {
        require(delegatorStatus(msg.sender) == DelegatorStatus.Unbonded, "caller must be unbonded");
        delegators[msg.sender].startRound = roundsManager().currentRound() + 1;
        delegators[msg.sender].delegateAddress = to;
        rebond(unbondingLockId, Hint(newPosPrev, newPosNext));
    }

    function rebond(uint256 lockId, Hint memory hint) private {
        Delegator storage delegator = delegators[msg.sender];
        uint256 amount = delegator.unbondingLocks[lockId].amount;
        require(amount > 0, "invalid unbonding lock ID");
        delete delegator.unbondingLocks[lockId];
        delegator.bondedAmount += amount;
        increaseStake(delegator.delegateAddress, amount, hint);
        emit Rebond(delegator.delegateAddress, msg.sender, lockId, amount);
    }

    function withdrawStake(uint256 unbondingLockId) external whenSystemNotPaused whenRoundInitialized {
        UnbondingLock memory lock = delegators[msg.sender].unbondingLocks[unbondingLockId];
        require(lock.amount > 0, "invalid unbonding lock ID");
        require(
            lock.withdrawRound <= roundsManager().currentRound(),
            "withdraw round must be before or equal to the current round"
        );
        delete delegators[msg.sender].unbondingLocks[unbondingLockId];
        minter().trustedTransferTokens(msg.sender, lock.amount);
        emit WithdrawStake(msg.sender, unbondingLockId, lock.amount, lock.withdrawRound);
    }

    // Earning

    /// Called with the ETH of redeemed tickets, which stays where it is: only who it belongs to changes. The round in
    /// which the ticket was made does not matter; fees belong to the round in which they arrive.
    function updateTranscoderWithFees(address recipient, uint256 fees, uint256)
        external
        whenSystemNotPaused
        onlyContract("TicketBroker")
    {
        require(isRegisteredTranscoder(recipient), "transcoder must be registered");
        Transcoder storage t = transcoders[recipient];
        uint256 round = roundsManager().currentRound();
        uint256 rewardsBefore = t.activeCumulativeRewards;
        if (t.lastRewardRound < round) {
            settleTerms(t, round);
            // What a call of `reward` in this round would make of them.
            rewardsBefore = t.cumulativeRewards;
        }
        EarningsPool.Pool storage earnings = t.earningsPools[round];
        uint256 delegatorsFees = Fraction.partOf(fees, earnings.feeShare);
        uint256 ownRewardsFees = Fraction.preciselyPartOf(delegatorsFees, rewardsBefore, earnings.totalStake);
        t.cumulativeFees += ownRewardsFees + fees - delegatorsFees;
        earnings.addFees(factorsAt(t, round - 1), delegatorsFees);
        t.lastFeeRound = round;
    }

    function rewardWithHint(address newPosPrev, address newPosNext)
        public
        whenSystemNotPaused
        whenRoundInitialized
    {
        uint256 round = roundsManager().currentRound();
        Transcoder storage t = transcoders[msg.sender];
        require(isActiveTranscoder(msg.sender), "caller must be an active transcoder");
        require(t.lastRewardRound != round, "caller has already called reward for the current round");
        settleTerms(t, round);
        EarningsPool.Pool storage earnings = t.earningsPools[round];
        uint256 rewards = minter().createReward(earnings.totalStake, currentRoundTotalActiveStake);

        t.activeCumulativeRewards = t.cumulativeRewards;
        uint256 commission = Fraction.partOf(rewards, earnings.rewardCut);
        uint256 delegatorsRewards = rewards - commission;
        uint256 ownRewards = Fraction.preciselyPartOf(delegatorsRewards, t.activeCumulativeRewards, earnings.totalStake);
        t.cumulativeRewards += ownRewards + commission;
        earnings.addRewards(factorsAt(t, round - 1), delegatorsRewards);
        increaseStake(msg.sender, rewards, Hint(newPosPrev, newPosNext));
        t.lastRewardRound = round;
        emit Reward(msg.sender, rewards);
    }

    function reward() external {
        rewardWithHint(address(0), address(0));
    }

    /// The argument is a remnant: earnings are claimed up to the current round.
    function claimEarnings(uint256) external whenSystemNotPaused whenRoundInitialized afterClaimingEarnings {}

    function withdrawFees(address recipient, uint256 amount)
        external
        whenSystemNotPaused
        whenRoundInitialized
        afterClaimingEarnings
    {
        require(recipient != address(0), "invalid recipient");
        require(delegators[msg.sender].fees >= amount, "insufficient fees to withdraw");
        delegators[msg.sender].fees -= amount;
        minter().trustedWithdrawETH(payable(recipient), amount);
        emit WithdrawFees(msg.sender, recipient, amount);
    }

    function setCurrentRoundTotalActiveStake() external onlyContract("RoundsManager") {
        currentRoundTotalActiveStake = nextRoundTotalActiveStake;
    }

    function setNumActiveTranscoders(uint256 poolMaxSize) external onlyControllerOwner {
        pool.maxSize = poolMaxSize;
    }

    /// Fixes terms and stake of a round when the first earnings of the round arrive.
    function settleTerms(Transcoder storage t, uint256 round) private {
        EarningsPool.Pool storage earnings = t.earningsPools[round];
        earnings.rewardCut = t.rewardCut;
        earnings.feeShare = t.feeShare;
        uint256 updated = t.lastActiveStakeUpdateRound;
        if (updated < round) earnings.totalStake = t.earningsPools[updated].totalStake;
    }

    function claim(address account, uint256 round) private {
        Delegator storage delegator = delegators[account];
        address delegate = delegator.delegateAddress;
        uint256 startRound = delegator.lastClaimRound + 1;
        (uint256 stake, uint256 fees) = (delegator.bondedAmount, delegator.fees);
        if (delegate != address(0)) {
            (stake, fees) = earned(delegator, account, round);
            Transcoder storage t = transcoders[delegate];
            EarningsPool.Factors memory end = factorsAt(t, round);
            // The next claim begins at this round, which must therefore say its factors itself.
            t.earningsPools[round].cumulativeRewardFactor = end.reward;
            t.earningsPools[round].cumulativeFeeFactor = end.fee;
            if (delegate == account) {
                t.cumulativeFees = 0;
                t.cumulativeRewards = 0;
            }
        }
        emit EarningsClaimed(
            delegate, account, stake - delegator.bondedAmount, fees - delegator.fees, startRound, round
        );
        delegator.lastClaimRound = round;
        delegator.bondedAmount = stake;
        delegator.fees = fees;
    }

    function earned(Delegator storage delegator, address account, uint256 round)
        private
        view
        returns (uint256 stake, uint256 fees)
    {
        Transcoder storage t = transcoders[delegator.delegateAddress];
        EarningsPool.Factors memory start = factorsOf(t.earningsPools[delegator.lastClaimRound]);
        EarningsPool.Factors memory end = factorsAt(t, round);
        uint256 bonded = delegator.bondedAmount;
        stake = Fraction.preciselyPartOf(bonded, end.reward, start.reward);
        fees = delegator.fees + Fraction.preciselyPartOf(bonded, end.fee - start.fee, start.reward);
        if (delegator.delegateAddress == account) {
            stake += t.cumulativeRewards;
            fees += t.cumulativeFees;
        }
    }

    /// The factors of the newest round up to `round` that has any.
    function factorsAt(Transcoder storage t, uint256 round) private view returns (EarningsPool.Factors memory factors) {
        EarningsPool.Pool storage earnings = t.earningsPools[round];
        factors.reward = earnings.cumulativeRewardFactor;
        factors.fee = earnings.cumulativeFeeFactor;
        if (factors.reward == 0 && t.lastRewardRound < round) {
            factors.reward = t.earningsPools[t.lastRewardRound].cumulativeRewardFactor;
        }
        if (factors.fee == 0 && t.lastFeeRound < round) {
            factors.fee = t.earningsPools[t.lastFeeRound].cumulativeFeeFactor;
        }
        if (factors.reward == 0) factors.reward = Fraction.PRECISE;
    }

    function factorsOf(EarningsPool.Pool storage earnings) private view returns (EarningsPool.Factors memory factors) {
        factors.reward = earnings.cumulativeRewardFactor == 0 ? Fraction.PRECISE : earnings.cumulativeRewardFactor;
        factors.fee = earnings.cumulativeFeeFactor;
    }

    // The pool

    function increaseStake(address delegate, uint256 amount, Hint memory hint) private {
        if (isRegisteredTranscoder(delegate)) {
            uint256 stake = transcoderTotalStake(delegate);
            if (pool.contains(delegate)) setStake(delegate, stake, stake + amount, hint);
            else joinPool(delegate, stake + amount, roundsManager().currentRound() + 1, hint);
        }
        delegators[delegate].delegatedAmount += amount;
    }

    function decreaseStake(address delegate, uint256 amount, Hint memory hint) private {
        if (pool.contains(delegate)) {
            uint256 stake = transcoderTotalStake(delegate);
            setStake(delegate, stake, stake - amount, hint);
        }
        delegators[delegate].delegatedAmount -= amount;
    }

    /// A change counts from the next round on; the round under way keeps the stake it began with.
    function setStake(address member, uint256 oldStake, uint256 newStake, Hint memory hint) private {
        pool.update(member, newStake, hint.previous, hint.next);
        nextRoundTotalActiveStake = nextRoundTotalActiveStake + newStake - oldStake;
        Transcoder storage t = transcoders[member];
        uint256 round = roundsManager().currentRound();
        if (t.lastActiveStakeUpdateRound < round) t.earningsPools[round].totalStake = oldStake;
        t.earningsPools[round + 1].totalStake = newStake;
        t.lastActiveStakeUpdateRound = round + 1;
    }

    function joinPool(address member, uint256 stake, uint256 activationRound, Hint memory hint) private {
        if (pool.isFull()) {
            address last = pool.last;
            uint256 lastStake = transcoderTotalStake(last);
            if (stake <= lastStake) return;
            leavePool(last);
        }
        pool.insert(member, stake, hint.previous, hint.next);
        nextRoundTotalActiveStake += stake;
        Transcoder storage t = transcoders[member];
        t.lastActiveStakeUpdateRound = activationRound;
        t.activationRound = activationRound;
        t.deactivationRound = NEVER;
        t.earningsPools[activationRound].totalStake = stake;
        emit TranscoderActivated(member, activationRound);
    }

    function leavePool(address member) private {
        pool.remove(member);
        nextRoundTotalActiveStake -= transcoderTotalStake(member);
        uint256 deactivationRound = roundsManager().currentRound() + 1;
        transcoders[member].deactivationRound = deactivationRound;
        emit TranscoderDeactivated(member, deactivationRound);
    }

    // Views

    function getFirstTranscoderInPool() external view returns (address) {
        return pool.first;
    }

    function getNextTranscoderInPool(address member) external view returns (address) {
        return pool.nodes[member].next;
    }

    function getTranscoderPoolSize() external view returns (uint256) {
        return pool.size;
    }

    function getTranscoderPoolMaxSize() external view returns (uint256) {
        return pool.maxSize;
    }

    function getTotalBonded() external view returns (uint256) {
        return currentRoundTotalActiveStake;
    }

    function transcoderTotalStake(address account) public view returns (uint256) {
        return delegators[account].delegatedAmount;
    }

    function transcoderStatus(address account) external view returns (TranscoderStatus) {
        return isRegisteredTranscoder(account) ? TranscoderStatus.Registered : TranscoderStatus.NotRegistered;
    }

    function delegatorStatus(address account) public view returns (DelegatorStatus) {
        Delegator storage delegator = delegators[account];
        if (delegator.bondedAmount == 0) return DelegatorStatus.Unbonded;
        if (delegator.startRound > roundsManager().currentRound()) return DelegatorStatus.Pending;
        return DelegatorStatus.Bonded;
    }

    function isActiveTranscoder(address account) public view returns (bool) {
        uint256 round = roundsManager().currentRound();
        Transcoder storage t = transcoders[account];
        return t.activationRound <= round && round < t.deactivationRound;
    }

    function isRegisteredTranscoder(address account) public view returns (bool) {
        Delegator storage delegator = delegators[account];
        return delegator.delegateAddress == account && delegator.bondedAmount > 0;
    }

    function getTranscoder(address account)
        external
        view
        returns (
            uint256 lastRewardRound,
            uint256 rewardCut,
            uint256 feeShare,
            uint256 lastActiveStakeUpdateRound,
            uint256 activationRound,
            uint256 deactivationRound,
            uint256 activeCumulativeRewards,
            uint256 cumulativeRewards,
            uint256 cumulativeFees,
            uint256 lastFeeRound
        )
    {
        Transcoder storage t = transcoders[account];
        lastRewardRound = t.lastRewardRound;
        rewardCut = t.rewardCut;
        feeShare = t.feeShare;
        lastActiveStakeUpdateRound = t.lastActiveStakeUpdateRound;
        activationRound = t.activationRound;
        deactivationRound = t.deactivationRound;
        activeCumulativeRewards = t.activeCumulativeRewards;
        cumulativeRewards = t.cumulativeRewards;
        cumulativeFees = t.cumulativeFees;
        lastFeeRound = t.lastFeeRound;
    }

    function getTranscoderEarningsPoolForRound(address account, uint256 round)
        external
        view
        returns (
            uint256 totalStake,
            uint256 transcoderRewardCut,
            uint256 transcoderFeeShare,
            uint256 cumulativeRewardFactor,
            uint256 cumulativeFeeFactor
        )
    {
        EarningsPool.Pool storage earnings = transcoders[account].earningsPools[round];
        totalStake = earnings.totalStake;
        transcoderRewardCut = earnings.rewardCut;
        transcoderFeeShare = earnings.feeShare;
        cumulativeRewardFactor = earnings.cumulativeRewardFactor;
        cumulativeFeeFactor = earnings.cumulativeFeeFactor;
    }

    function getDelegator(address account)
        external
        view
        returns (
            uint256 bondedAmount,
            uint256 fees,
            address delegateAddress,
            uint256 delegatedAmount,
            uint256 startRound,
            uint256 lastClaimRound,
            uint256 nextUnbondingLockId
        )
    {
        Delegator storage delegator = delegators[account];
        bondedAmount = delegator.bondedAmount;
        fees = delegator.fees;
        delegateAddress = delegator.delegateAddress;
        delegatedAmount = delegator.delegatedAmount;
        startRound = delegator.startRound;
        lastClaimRound = delegator.lastClaimRound;
        nextUnbondingLockId = delegator.nextUnbondingLockId;
    }

    function getDelegatorUnbondingLock(address account, uint256 unbondingLockId)
        external
        view
        returns (uint256 amount, uint256 withdrawRound)
    {
        UnbondingLock storage lock = delegators[account].unbondingLocks[unbondingLockId];
        return (lock.amount, lock.withdrawRound);
    }

    /// As for `pendingFees`, the second argument is a remnant.
    function pendingStake(address account, uint256) external view returns (uint256 stake) {
        (stake,) = pending(account);
    }

    function pendingFees(address account, uint256) external view returns (uint256 fees) {
        (, fees) = pending(account);
    }

    function pending(address account) private view returns (uint256 stake, uint256 fees) {
        Delegator storage delegator = delegators[account];
        if (delegator.delegateAddress == address(0)) return (delegator.bondedAmount, delegator.fees);
        return earned(delegator, account, roundsManager().currentRound());
    }
}
