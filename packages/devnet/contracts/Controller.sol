// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Where every other contract is found, by keccak256 of its name, and the switch that pauses them all.
contract Controller {
    struct ContractInfo {
        address contractAddress;
        bytes20 gitCommitHash;
    }

    event SetContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash);

    address public immutable owner = msg.sender;
    bool public paused = true;
    mapping(bytes32 => ContractInfo) private contracts;

    modifier onlyOwner() {
        require(msg.sender == owner, "caller must be the owner");
        _;
    }

    function setContractInfo(bytes32 id, address contractAddress, bytes20 gitCommitHash) external onlyOwner {
        contracts[id] = ContractInfo(contractAddress, gitCommitHash);
        emit SetContractInfo(id, contractAddress, gitCommitHash);
    }

    function getContract(bytes32 id) external view returns (address) {
        return contracts[id].contractAddress;
    }

    function getContractInfo(bytes32 id) external view returns (address contractAddress, bytes20 gitCommitHash) {
        ContractInfo storage info = contracts[id];
        return (info.contractAddress, info.gitCommitHash);
    }

    function pause() external onlyOwner {
        require(!paused, "system is paused");
        paused = true;
    }

    function unpause() external onlyOwner {
        require(paused, "system is not paused");
        paused = false;
    }
}
