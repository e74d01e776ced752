import { isError, RivuletError } from "@rivulet/primitives";
import { decodeErrorResult, parseAbi } from "viem";
import type { Hex } from "../hex.ts";

/** The reverts that carry no data of ours beyond a text or a name. */
type RevertCode =
  | "chain.reverted"
  | "chain.paused"
  | "chain.round-not-initialized"
  | "chain.round-initialized"
  | "chain.round-locked"
  | "chain.ticket-used"
  | "chain.ticket-expired"
  | "chain.ticket-invalid"
  | "chain.sender-unlocked"
  | "chain.sender-unfunded"
  | "chain.recipient-unregistered"
  | "chain.unlock-initiated"
  | "chain.unlock-missing"
  | "chain.funds-locked";

/** What the contracts say when they refuse, and what it means here. Sources: payments-and-chain 11.1 to 11.3. */
const CODE_OF_REASON: Readonly<Record<string, RevertCode>> = {
  "system is paused": "chain.paused",
  "current round is not initialized": "chain.round-not-initialized",
  "round already initialized": "chain.round-initialized",
  "can't update transcoder params, current round is locked": "chain.round-locked",

  "ticket recipient is null address": "chain.ticket-invalid",
  "ticket sender is null address": "chain.ticket-invalid",
  "invalid length for ticket auxData: must be 64 bytes": "chain.ticket-invalid",
  "ticket creationRound does not have a block hash": "chain.ticket-invalid",
  "ticket creationRoundBlockHash invalid for creationRound": "chain.ticket-invalid",
  "ticket is expired": "chain.ticket-expired",
  "recipientRand does not match recipientRandHash": "chain.ticket-invalid",
  "ticket is used": "chain.ticket-used",
  INVALID_SIGNATURE_LENGTH: "chain.ticket-invalid",
  "ECDSA: invalid signature": "chain.ticket-invalid",
  "ECDSA: invalid signature length": "chain.ticket-invalid",
  "ECDSA: invalid signature 's' value": "chain.ticket-invalid",
  "ECDSA: invalid signature 'v' value": "chain.ticket-invalid",
  ECDSAInvalidSignature: "chain.ticket-invalid",
  ECDSAInvalidSignatureLength: "chain.ticket-invalid",
  ECDSAInvalidSignatureS: "chain.ticket-invalid",
  "invalid signature over ticket hash": "chain.ticket-invalid",
  "ticket did not win": "chain.ticket-invalid",
  "sender is unlocked": "chain.sender-unlocked",
  "sender deposit and reserve are zero": "chain.sender-unfunded",
  "transcoder must be registered": "chain.recipient-unregistered",

  "unlock already initiated": "chain.unlock-initiated",
  "no unlock request in progress": "chain.unlock-missing",
  "account is locked": "chain.funds-locked",
  "withdraw round must be before or equal to the current round": "chain.funds-locked",
};

/** Errors with which contracts refuse instead of a text. */
const customErrors = parseAbi([
  "error ECDSAInvalidSignature()",
  "error ECDSAInvalidSignatureLength(uint256 length)",
  "error ECDSAInvalidSignatureS(bytes32 s)",
  "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
  "error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)",
]);

/**
 * The error for a refused call: the code of the contract's reason when it gave one we know, else "chain.reverted" with the
 * reason. What is no revert is returned as it is.
 */
export function revertError(refused: unknown, functionName: string): unknown {
  if (!isError(refused, "chain.refused")) return refused;
  const said = reasonIn(refused.facts.data, refused.facts.reason);
  if (said === undefined) return refused;
  return new RivuletError(CODE_OF_REASON[said] ?? "chain.reverted", { reason: `${functionName}: ${said}` });
}

/** The contract's words, from the revert's data or, where an endpoint leaves that out, from its message. */
function reasonIn(data: string | undefined, message: string): string | undefined {
  if (data !== undefined && data !== "0x") {
    const decoded = decodeReason(data as Hex);
    if (decoded !== undefined) return decoded;
  }
  const quoted = /reverted with reason string '((?:[^'\\]|\\.|'(?!$|\s))*)'/.exec(message)?.[1];
  if (quoted !== undefined) return quoted;
  const bare = /revert(?:ed)?:? *(.*)$/i.exec(message)?.[1];
  return bare === undefined ? undefined : bare === "" ? "no reason given" : bare;
}

function decodeReason(data: Hex): string | undefined {
  try {
    const { errorName, args } = decodeErrorResult({ abi: customErrors, data }) as {
      readonly errorName: string;
      readonly args?: readonly unknown[];
    };
    if (errorName === "Error") return String(args?.[0]);
    if (errorName === "Panic") return `the contract panicked with code ${String(args?.[0])}`;
    return errorName;
  } catch {
    return `the error ${data.slice(0, 10)}`;
  }
}
