// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Where each orchestrator says it can be reached. Deployed twice: for transcoding, and for AI.
contract ServiceRegistry {
    event ServiceURIUpdate(address indexed addr, string serviceURI);

    mapping(address => string) public getServiceURI;

    function setServiceURI(string calldata serviceURI) external {
        getServiceURI[msg.sender] = serviceURI;
        emit ServiceURIUpdate(msg.sender, serviceURI);
    }
}
