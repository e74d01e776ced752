// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Fraction} from "./Fraction.sol";

/// What an orchestrator earns in one round, and how that is shared with those who delegate to it.
library EarningsPool {
    /// The factors say what one bonded token has become, and what fees it has earned, since the beginning.
    struct Pool {
        uint256 totalStake;
        uint256 rewardCut;
        uint256 feeShare;
        uint256 cumulativeRewardFactor;
        uint256 cumulativeFeeFactor;
    }

    /// The factors at the end of a round. A token that earned nothing yet is worth itself.
    struct Factors {
        uint256 reward;
        uint256 fee;
    }

    function addFees(Pool storage pool, Factors memory before, uint256 fees) internal {
        if (pool.cumulativeFeeFactor == 0) pool.cumulativeFeeFactor = before.fee;
        pool.cumulativeFeeFactor += Fraction.preciselyPartOf(before.reward, fees, pool.totalStake);
    }

    function addRewards(Pool storage pool, Factors memory before, uint256 rewards) internal {
        pool.cumulativeRewardFactor =
            before.reward + Fraction.preciselyPartOf(before.reward, rewards, pool.totalStake);
    }
}
