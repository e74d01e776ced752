// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LivepeerToken} from "./LivepeerToken.sol";

/// Gives stake tokens to whoever asks, not more often than the wait allows.
contract LivepeerTokenFaucet {
    LivepeerToken public immutable token;
    uint256 public immutable requestAmount;
    uint256 public immutable requestWait;
    mapping(address => uint256) public nextValidRequest;

    constructor(LivepeerToken token_, uint256 requestAmount_, uint256 requestWait_) {
        token = token_;
        requestAmount = requestAmount_;
        requestWait = requestWait_;
    }

    function request() external {
        require(block.timestamp >= nextValidRequest[msg.sender], "asked again too early");
        nextValidRequest[msg.sender] = block.timestamp + requestWait;
        token.mint(msg.sender, requestAmount);
    }
}
