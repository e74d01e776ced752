// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Fraction} from "./Fraction.sol";
import {Managed} from "./Managed.sol";
import {IController} from "./Neighbours.sol";

/// Counts rounds of a fixed number of blocks. A round lasts whether or not anybody initializes it.
///
/// Rounds are counted in blocks of the layer below. There is none here: every so many blocks of this chain stand for one.
contract RoundsManager is Managed {
    event NewRound(uint256 indexed round, bytes32 blockHash);

    uint256 public immutable roundLength;
    /// The tail of a round in which terms cannot change, in millionths of it.
    uint256 public immutable roundLockAmount;
    uint256 public immutable blocksPerL1Block;
    uint256 public immutable lastRoundLengthUpdateRound;
    uint256 public immutable lastRoundLengthUpdateStartBlock;

    uint256 public lastInitializedRound;
    mapping(uint256 => bytes32) public blockHashForRound;

    constructor(
        IController controller_,
        uint256 roundLength_,
        uint256 roundLockAmount_,
        uint256 blocksPerL1Block_,
        uint256 firstRound,
        uint256 firstBlock
    ) Managed(controller_) {
        require(roundLength_ > 0, "round length cannot be 0");
        require(roundLockAmount_ <= Fraction.WHOLE, "round lock amount must be a fraction");
        roundLength = roundLength_;
        roundLockAmount = roundLockAmount_;
        blocksPerL1Block = blocksPerL1Block_;
        lastRoundLengthUpdateRound = firstRound;
        lastRoundLengthUpdateStartBlock = firstBlock;
    }

    function initializeRound() external whenSystemNotPaused {
        uint256 round = currentRound();
        require(lastInitializedRound < round, "round already initialized");
        lastInitializedRound = round;
        bytes32 roundHash = blockHash(blockNum() - 1);
        blockHashForRound[round] = roundHash;
        bondingManager().setCurrentRoundTotalActiveStake();
        minter().setCurrentRewardTokens();
        emit NewRound(round, roundHash);
    }

    function currentRound() public view returns (uint256) {
        return lastRoundLengthUpdateRound + (blockNum() - lastRoundLengthUpdateStartBlock) / roundLength;
    }

    function currentRoundStartBlock() public view returns (uint256) {
        uint256 age = blockNum() - lastRoundLengthUpdateStartBlock;
        return lastRoundLengthUpdateStartBlock + age - (age % roundLength);
    }

    function currentRoundInitialized() external view returns (bool) {
        return lastInitializedRound == currentRound();
    }

    function currentRoundLocked() external view returns (bool) {
        uint256 lockLength = Fraction.partOf(roundLength, roundLockAmount);
        return blockNum() - currentRoundStartBlock() >= roundLength - lockLength;
    }

    function blockNum() public view returns (uint256) {
        return block.number / blocksPerL1Block;
    }

    function blockHash(uint256 blockNumber) public view returns (bytes32) {
        uint256 current = blockNum();
        require(blockNumber < current, "can only retrieve past block hashes");
        require(current <= 256 || blockNumber >= current - 256, "can only retrieve hashes for last 256 blocks");
        // Where a block of the layer below spans many of this chain, its hash may be out of reach: then it is zero.
        return blockhash(blockNumber * blocksPerL1Block);
    }
}
