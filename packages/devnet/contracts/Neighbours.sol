// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// What the contracts ask of one another.

interface IController {
    function owner() external view returns (address);
    function paused() external view returns (bool);
    function getContract(bytes32 id) external view returns (address);
}

interface IRoundsManager {
    function currentRound() external view returns (uint256);
    function currentRoundInitialized() external view returns (bool);
    function currentRoundLocked() external view returns (bool);
    function blockHashForRound(uint256 round) external view returns (bytes32);
}

interface IBondingManager {
    function isActiveTranscoder(address account) external view returns (bool);
    function getTranscoderPoolSize() external view returns (uint256);
    function getTotalBonded() external view returns (uint256);
    function setCurrentRoundTotalActiveStake() external;
    function updateTranscoderWithFees(address recipient, uint256 fees, uint256 round) external;
}

interface IMinter {
    function depositETH() external payable;
    function trustedWithdrawETH(address payable to, uint256 amount) external;
    function trustedTransferTokens(address to, uint256 amount) external;
    function createReward(uint256 stake, uint256 totalStake) external returns (uint256);
    function setCurrentRewardTokens() external;
}

interface ILivepeerToken {
    function totalSupply() external view returns (uint256);
    function mint(address to, uint256 amount) external;
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}
