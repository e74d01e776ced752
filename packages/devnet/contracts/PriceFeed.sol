// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The price of ETH in USD as a feed of Chainlink tells it. On this chain anybody sets it.
contract PriceFeed {
    uint8 public immutable decimals;
    string public description;
    uint80 private round;
    int256 private answer;
    uint256 private updatedAt;

    constructor(uint8 decimals_, string memory description_, int256 answer_) {
        decimals = decimals_;
        description = description_;
        setRound(answer_, block.timestamp);
    }

    /// `updatedAt_` in seconds since 1970; a stale or future one is how a bad feed is played.
    function setRound(int256 answer_, uint256 updatedAt_) public {
        round += 1;
        answer = answer_;
        updatedAt = updatedAt_;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (round, answer, updatedAt, updatedAt, round);
    }
}
