// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Managed} from "./Managed.sol";
import {IController} from "./Neighbours.sol";

/// Deposits and reserves of senders, and the tickets that are paid from them.
contract TicketBroker is Managed {
    struct Ticket {
        address recipient;
        address sender;
        uint256 faceValue;
        uint256 winProb;
        uint256 senderNonce;
        bytes32 recipientRandHash;
        bytes auxData;
    }

    struct Sender {
        uint256 deposit;
        uint256 withdrawRound;
    }

    struct ReserveInfo {
        uint256 fundsRemaining;
        uint256 claimedInCurrentRound;
    }

    struct Reserve {
        uint256 funds;
        mapping(uint256 => uint256) claimedForRound;
        mapping(uint256 => mapping(address => uint256)) claimedByAddress;
    }

    event DepositFunded(address indexed sender, uint256 amount);
    event ReserveFunded(address indexed reserveHolder, uint256 amount);
    event ReserveClaimed(address indexed reserveHolder, address claimant, uint256 amount);
    event WinningTicketTransfer(address indexed sender, address indexed recipient, uint256 amount);
    event WinningTicketRedeemed(
        address indexed sender,
        address indexed recipient,
        uint256 faceValue,
        uint256 winProb,
        uint256 senderNonce,
        uint256 recipientRand,
        bytes auxData
    );
    event Unlock(address indexed sender, uint256 startRound, uint256 endRound);
    event UnlockCancelled(address indexed sender);
    event Withdrawal(address indexed sender, uint256 deposit, uint256 reserve);

    uint256 private constant HALF_CURVE_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// Rounds between asking for one's money and getting it.
    uint256 public unlockPeriod;
    /// Rounds in which a ticket is redeemable, that of its creation included.
    uint256 public ticketValidityPeriod;

    mapping(bytes32 => bool) public usedTickets;
    mapping(address => Sender) private senders;
    mapping(address => Reserve) private reserves;

    constructor(IController controller_, uint256 unlockPeriod_, uint256 ticketValidityPeriod_) Managed(controller_) {
        unlockPeriod = unlockPeriod_;
        ticketValidityPeriod = ticketValidityPeriod_;
    }

    function setUnlockPeriod(uint256 rounds) external onlyControllerOwner {
        unlockPeriod = rounds;
    }

    function setTicketValidityPeriod(uint256 rounds) external onlyControllerOwner {
        require(rounds > 0, "ticketValidityPeriod must be greater than 0");
        ticketValidityPeriod = rounds;
    }

    // Funding

    function fundDeposit() external payable whenSystemNotPaused {
        cancelUnlockOfCaller(msg.sender);
        addDeposit(msg.sender, msg.value);
        minter().depositETH{value: msg.value}();
    }

    function fundReserve() external payable whenSystemNotPaused {
        cancelUnlockOfCaller(msg.sender);
        addReserve(msg.sender, msg.value);
        minter().depositETH{value: msg.value}();
    }

    function fundDepositAndReserve(uint256 depositAmount, uint256 reserveAmount) external payable whenSystemNotPaused {
        fundBoth(msg.sender, depositAmount, reserveAmount);
    }

    function fundDepositAndReserveFor(address addr, uint256 depositAmount, uint256 reserveAmount)
        external
        payable
        whenSystemNotPaused
    {
        fundBoth(addr, depositAmount, reserveAmount);
    }

    function fundBoth(address addr, uint256 depositAmount, uint256 reserveAmount) private {
        require(
            msg.value == depositAmount + reserveAmount,
            "msg.value does not equal sum of deposit amount and reserve amount"
        );
        cancelUnlockOfCaller(addr);
        addReserve(addr, reserveAmount);
        addDeposit(addr, depositAmount);
        minter().depositETH{value: msg.value}();
    }

    /// Who funds itself wants to go on paying. What others send to it says nothing.
    function cancelUnlockOfCaller(address funded) private {
        if (msg.sender == funded && isUnlockInProgress(funded)) endUnlock(funded);
    }

    function addDeposit(address addr, uint256 amount) private {
        senders[addr].deposit += amount;
        emit DepositFunded(addr, amount);
    }

    function addReserve(address addr, uint256 amount) private {
        reserves[addr].funds += amount;
        emit ReserveFunded(addr, amount);
    }

    // Unlocking

    function unlock() external whenSystemNotPaused {
        Sender storage sender = senders[msg.sender];
        require(sender.deposit > 0 || reserves[msg.sender].funds > 0, "sender deposit and reserve are zero");
        require(!isUnlockInProgress(msg.sender), "unlock already initiated");
        uint256 currentRound = roundsManager().currentRound();
        sender.withdrawRound = currentRound + unlockPeriod;
        emit Unlock(msg.sender, currentRound, sender.withdrawRound);
    }

    function cancelUnlock() external whenSystemNotPaused {
        require(isUnlockInProgress(msg.sender), "no unlock request in progress");
        endUnlock(msg.sender);
    }

    /// The round of withdrawal stays: until it is funded again, the account counts as unlocked.
    function withdraw() external whenSystemNotPaused {
        Sender storage sender = senders[msg.sender];
        Reserve storage reserve = reserves[msg.sender];
        (uint256 deposit, uint256 funds) = (sender.deposit, reserve.funds);
        require(deposit > 0 || funds > 0, "sender deposit and reserve are zero");
        require(isUnlockInProgress(msg.sender), "no unlock request in progress");
        require(sender.withdrawRound <= roundsManager().currentRound(), "account is locked");
        sender.deposit = 0;
        reserve.funds = 0;
        minter().trustedWithdrawETH(payable(msg.sender), deposit + funds);
        emit Withdrawal(msg.sender, deposit, funds);
    }

    function endUnlock(address addr) private {
        senders[addr].withdrawRound = 0;
        emit UnlockCancelled(addr);
    }

    // Redeeming

    function redeemWinningTicket(Ticket calldata ticket, bytes calldata sig, uint256 recipientRand)
        external
        whenSystemNotPaused
        whenRoundInitialized
    {
        redeem(ticket, sig, recipientRand);
    }

    /// A ticket that cannot be redeemed does not keep the others from it, and nothing says that it was not.
    function batchRedeemWinningTickets(
        Ticket[] calldata tickets,
        bytes[] calldata sigs,
        uint256[] calldata recipientRands
    ) external whenSystemNotPaused whenRoundInitialized {
        for (uint256 i = 0; i < tickets.length; i++) {
            try this.redeemWinningTicket(tickets[i], sigs[i], recipientRands[i]) {} catch {}
        }
    }

    function redeem(Ticket calldata ticket, bytes calldata sig, uint256 recipientRand) private {
        uint256 currentRound = roundsManager().currentRound();
        bytes32 ticketHash = getTicketHash(ticket);
        requireValid(ticket, currentRound);
        require(keccak256(abi.encodePacked(recipientRand)) == ticket.recipientRandHash, "recipientRand does not match recipientRandHash");
        require(!usedTickets[ticketHash], "ticket is used");
        require(signerOf(ticketHash, sig) == ticket.sender, "invalid signature over ticket hash");
        require(
            uint256(keccak256(abi.encodePacked(sig, recipientRand))) < ticket.winProb, "ticket did not win"
        );

        Sender storage sender = senders[ticket.sender];
        require(sender.withdrawRound == 0 || currentRound < sender.withdrawRound, "sender is unlocked");
        require(sender.deposit > 0 || reserves[ticket.sender].funds > 0, "sender deposit and reserve are zero");

        usedTickets[ticketHash] = true;
        pay(ticket, sender);
        emit WinningTicketRedeemed(
            ticket.sender,
            ticket.recipient,
            ticket.faceValue,
            ticket.winProb,
            ticket.senderNonce,
            recipientRand,
            ticket.auxData
        );
    }

    function requireValid(Ticket calldata ticket, uint256 currentRound) private view {
        require(ticket.recipient != address(0), "ticket recipient is null address");
        require(ticket.sender != address(0), "ticket sender is null address");
        (uint256 creationRound, bytes32 creationHash) = creationOf(ticket);
        bytes32 roundHash = roundsManager().blockHashForRound(creationRound);
        require(roundHash != bytes32(0), "ticket creationRound does not have a block hash");
        require(creationHash == roundHash, "ticket creationRoundBlockHash invalid for creationRound");
        require(creationRound + ticketValidityPeriod > currentRound, "ticket is expired");
    }

    /// The deposit pays first, then what the reserve grants this recipient in this round. The ticket is used up also
    /// when both together are less than its face value.
    function pay(Ticket calldata ticket, Sender storage sender) private {
        uint256 amount;
        if (ticket.faceValue <= sender.deposit) {
            amount = ticket.faceValue;
            sender.deposit -= amount;
        } else {
            amount = sender.deposit + claim(ticket.sender, ticket.recipient, ticket.faceValue - sender.deposit);
            sender.deposit = 0;
        }
        if (amount == 0) return;
        (uint256 creationRound,) = creationOf(ticket);
        bondingManager().updateTranscoderWithFees(ticket.recipient, amount, creationRound);
        emit WinningTicketTransfer(ticket.sender, ticket.recipient, amount);
    }

    function claim(address holder, address claimant, uint256 wanted) private returns (uint256 amount) {
        uint256 claimable = claimableReserve(holder, claimant);
        amount = wanted < claimable ? wanted : claimable;
        if (amount == 0) return 0;
        Reserve storage reserve = reserves[holder];
        uint256 currentRound = roundsManager().currentRound();
        reserve.claimedForRound[currentRound] += amount;
        reserve.claimedByAddress[currentRound][claimant] += amount;
        reserve.funds -= amount;
        emit ReserveClaimed(holder, claimant, amount);
    }

    function creationOf(Ticket calldata ticket) private pure returns (uint256 round, bytes32 roundHash) {
        require(ticket.auxData.length == 64, "invalid length for ticket auxData: must be 64 bytes");
        return abi.decode(ticket.auxData, (uint256, bytes32));
    }

    /// Refuses everything but the one form a signature has: 65 bytes, the lower s, v of 27 or 28.
    function signerOf(bytes32 ticketHash, bytes calldata sig) private pure returns (address signer) {
        require(sig.length == 65, "INVALID_SIGNATURE_LENGTH");
        uint8 v = uint8(sig[64]);
        require(uint256(bytes32(sig[32:64])) <= HALF_CURVE_ORDER, "ECDSA: invalid signature 's' value");
        require(v == 27 || v == 28, "ECDSA: invalid signature 'v' value");
        bytes32 digest = keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", ticketHash));
        signer = ecrecover(digest, v, bytes32(sig[:32]), bytes32(sig[32:64]));
        require(signer != address(0), "ECDSA: invalid signature");
    }

    // Views

    function getTicketHash(Ticket calldata ticket) public pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                ticket.recipient,
                ticket.sender,
                ticket.faceValue,
                ticket.winProb,
                ticket.senderNonce,
                ticket.recipientRandHash,
                ticket.auxData
            )
        );
    }

    function getSenderInfo(address addr) external view returns (Sender memory sender, ReserveInfo memory reserve) {
        return (senders[addr], getReserveInfo(addr));
    }

    function getReserveInfo(address reserveHolder) public view returns (ReserveInfo memory info) {
        Reserve storage reserve = reserves[reserveHolder];
        info.fundsRemaining = reserve.funds;
        info.claimedInCurrentRound = reserve.claimedForRound[roundsManager().currentRound()];
    }

    function isUnlockInProgress(address addr) public view returns (bool) {
        return senders[addr].withdrawRound > 0;
    }

    /// What the reserve still grants one recipient: an equal part for everyone in the pool, only while it is active.
    function claimableReserve(address reserveHolder, address claimant) public view returns (uint256) {
        uint256 poolSize = bondingManager().getTranscoderPoolSize();
        if (poolSize == 0 || !bondingManager().isActiveTranscoder(claimant)) return 0;
        Reserve storage reserve = reserves[reserveHolder];
        uint256 currentRound = roundsManager().currentRound();
        uint256 allocation = (reserve.funds + reserve.claimedForRound[currentRound]) / poolSize;
        uint256 claimed = reserve.claimedByAddress[currentRound][claimant];
        return allocation > claimed ? allocation - claimed : 0;
    }

    function claimedReserve(address reserveHolder, address claimant) external view returns (uint256) {
        return reserves[reserveHolder].claimedByAddress[roundsManager().currentRound()][claimant];
    }
}
