// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Managed} from "./Managed.sol";
import {IController} from "./Neighbours.sol";

/// Holds everybody's money: ETH of deposits, reserves and fees, and bonded tokens. Prints the tokens of each round.
contract Minter is Managed {
    /// Inflation and bonding rates are parts of this.
    uint256 private constant WHOLE = 1e9;

    uint256 public inflation;
    uint256 public inflationChange;
    uint256 public targetBondingRate;
    uint256 public currentMintableTokens;
    uint256 public currentMintedTokens;

    constructor(IController controller_, uint256 inflation_, uint256 inflationChange_, uint256 targetBondingRate_)
        Managed(controller_)
    {
        inflation = inflation_;
        inflationChange = inflationChange_;
        targetBondingRate = targetBondingRate_;
    }

    modifier onlyHolders() {
        require(
            msg.sender == contractNamed("BondingManager") || msg.sender == contractNamed("TicketBroker"),
            "caller must be BondingManager or TicketBroker"
        );
        _;
    }

    function depositETH() external payable onlyHolders {}

    function trustedWithdrawETH(address payable to, uint256 amount) external onlyHolders {
        (bool paid,) = to.call{value: amount}("");
        require(paid, "ETH was not accepted");
    }

    function trustedTransferTokens(address to, uint256 amount) external onlyContract("BondingManager") {
        livepeerToken().transfer(to, amount);
    }

    /// Prints the share that `stake` has of `totalStake` in what the round may print.
    function createReward(uint256 stake, uint256 totalStake)
        external
        onlyContract("BondingManager")
        returns (uint256 amount)
    {
        amount = (currentMintableTokens * stake) / totalStake;
        currentMintedTokens += amount;
        require(currentMintedTokens <= currentMintableTokens, "minted tokens cannot exceed mintable tokens");
        livepeerToken().mint(address(this), amount);
    }

    /// Inflation moves by one step towards the rate of bonded tokens that is aimed at.
    function setCurrentRewardTokens() external onlyContract("RoundsManager") {
        uint256 supply = getGlobalTotalSupply();
        uint256 bonded = bondingManager().getTotalBonded();
        uint256 rate = supply == 0 ? 0 : (bonded * WHOLE) / supply;
        if (rate < targetBondingRate) inflation += inflationChange;
        else if (rate > targetBondingRate) inflation = inflation < inflationChange ? 0 : inflation - inflationChange;
        currentMintableTokens = (supply * inflation) / WHOLE;
        currentMintedTokens = 0;
    }

    function getGlobalTotalSupply() public view returns (uint256) {
        return livepeerToken().totalSupply();
    }
}
