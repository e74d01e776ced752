// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Parts of an amount, rounded as the protocol rounds: each division down, one after the other.
library Fraction {
    /// Cuts and shares are parts of this.
    uint256 internal constant WHOLE = 1_000_000;
    /// Cumulative factors are parts of this.
    uint256 internal constant PRECISE = 1e27;

    function partOf(uint256 amount, uint256 numerator) internal pure returns (uint256) {
        return (amount * numerator) / WHOLE;
    }

    function preciselyPartOf(uint256 amount, uint256 numerator, uint256 denominator) internal pure returns (uint256) {
        return (amount * ((numerator * PRECISE) / denominator)) / PRECISE;
    }
}
