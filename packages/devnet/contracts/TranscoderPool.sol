// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Orchestrators that may be active, by stake, the largest first; among equals the earlier one comes first.
library TranscoderPool {
    struct Node {
        bool isMember;
        uint256 stake;
        address previous;
        address next;
    }

    struct Pool {
        address first;
        address last;
        uint256 size;
        uint256 maxSize;
        mapping(address => Node) nodes;
    }

    function contains(Pool storage pool, address member) internal view returns (bool) {
        return pool.nodes[member].isMember;
    }

    function isFull(Pool storage pool) internal view returns (bool) {
        return pool.size >= pool.maxSize;
    }

    /// Inserts between the neighbours that the caller thinks right, or where the order demands when they are not.
    function insert(Pool storage pool, address member, uint256 stake, address previous, address next) internal {
        require(!contains(pool, member), "already in the pool");
        if (!fits(pool, stake, previous, next)) (previous, next) = position(pool, stake);
        pool.nodes[member] = Node(true, stake, previous, next);
        if (previous == address(0)) pool.first = member;
        else pool.nodes[previous].next = member;
        if (next == address(0)) pool.last = member;
        else pool.nodes[next].previous = member;
        pool.size += 1;
    }

    function remove(Pool storage pool, address member) internal {
        Node memory node = pool.nodes[member];
        require(node.isMember, "not in the pool");
        if (node.previous == address(0)) pool.first = node.next;
        else pool.nodes[node.previous].next = node.next;
        if (node.next == address(0)) pool.last = node.previous;
        else pool.nodes[node.next].previous = node.previous;
        delete pool.nodes[member];
        pool.size -= 1;
    }

    function update(Pool storage pool, address member, uint256 stake, address previous, address next) internal {
        remove(pool, member);
        insert(pool, member, stake, previous, next);
    }

    function fits(Pool storage pool, uint256 stake, address previous, address next) private view returns (bool) {
        if (previous == address(0) && next == address(0)) return pool.size == 0;
        if (previous != address(0)) {
            Node storage before = pool.nodes[previous];
            if (!before.isMember || before.next != next || before.stake < stake) return false;
        } else if (pool.first != next) {
            return false;
        }
        return next == address(0) || (contains(pool, next) && pool.nodes[next].stake <= stake);
    }

    function position(Pool storage pool, uint256 stake) private view returns (address previous, address next) {
        next = pool.first;
        while (next != address(0) && pool.nodes[next].stake >= stake) {
            previous = next;
            next = pool.nodes[next].next;
        }
    }
}
