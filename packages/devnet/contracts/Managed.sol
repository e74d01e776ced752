// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IBondingManager, IController, ILivepeerToken, IMinter, IRoundsManager} from "./Neighbours.sol";

/// A contract that finds its neighbours through the controller, and the checks that several of them share.
abstract contract Managed {
    IController public immutable controller;

    constructor(IController controller_) {
        controller = controller_;
    }

    modifier whenSystemNotPaused() {
        require(!controller.paused(), "system is paused");
        _;
    }

    modifier whenRoundInitialized() {
        require(roundsManager().currentRoundInitialized(), "current round is not initialized");
        _;
    }

    modifier onlyControllerOwner() {
        require(msg.sender == controller.owner(), "caller must be Controller owner");
        _;
    }

    modifier onlyContract(string memory name) {
        require(msg.sender == contractNamed(name), string.concat("caller must be ", name));
        _;
    }

    function contractNamed(string memory name) internal view returns (address) {
        return controller.getContract(keccak256(bytes(name)));
    }

    function bondingManager() internal view returns (IBondingManager) {
        return IBondingManager(contractNamed("BondingManager"));
    }

    function livepeerToken() internal view returns (ILivepeerToken) {
        return ILivepeerToken(contractNamed("LivepeerToken"));
    }

    function minter() internal view returns (IMinter) {
        return IMinter(contractNamed("Minter"));
    }

    function roundsManager() internal view returns (IRoundsManager) {
        return IRoundsManager(contractNamed("RoundsManager"));
    }
}
