import { testVectors } from "@rivulet/testkit";
import { type Abi, encodeFunctionData, toEventSelector, toFunctionSelector, toFunctionSignature } from "viem";
import { expect } from "vitest";
import * as abis from "../src/contracts/abi.ts";
import { contractId } from "../src/contracts/controller.ts";
import {
  claimableReserve,
  isRedeemable,
  PRECISE,
  payoutOf,
  percOf,
  percPoints,
  roundAt,
  splitFees,
  stakeToFixed,
} from "../src/protocol-math.ts";

type Texts = Readonly<Record<string, string>>;

const everything: readonly Abi[] = Object.values(abis);

/** Every selector or topic of an ABI, by signature. */
function idsOf(kind: "function" | "event"): ReadonlyMap<string, string> {
  const items = everything.flatMap((abi) => abi.filter((item) => item.type === kind));
  return new Map(
    items.flatMap((item) => {
      if (item.type === "function") return [[toFunctionSignature(item), toFunctionSelector(item)] as const];
      if (item.type !== "event") return [];
      const signature = `${item.name}(${item.inputs.map(({ type }) => type).join(",")})`;
      return [[signature, toEventSelector(item)] as const];
    }),
  );
}

const selectors = idsOf("function");
const topics = idsOf("event");

testVectors("chain", {
  selectors: (_: unknown, expected: Texts) => {
    for (const [signature, selector] of Object.entries(expected)) expect(selectors.get(signature)).toBe(selector);
  },

  topics: (_: unknown, expected: Texts) => {
    for (const [signature, topic] of Object.entries(expected)) expect(topics.get(signature)).toBe(topic);
  },

  "contract-ids": ({ names }: { readonly names: readonly string[] }, expected: Texts) => {
    expect(Object.fromEntries(names.map((name) => [name, contractId(name)]))).toEqual(expected);
  },

  calldata: (input: CalldataInput, expected: Texts) => {
    const { ticket, sig, recipientRand } = input;
    const args = [
      {
        recipient: ticket.recipient,
        sender: ticket.sender,
        faceValue: BigInt(ticket.faceValue),
        winProb: BigInt(ticket.winProb),
        senderNonce: BigInt(ticket.senderNonce),
        recipientRandHash: ticket.recipientRandHash,
        auxData: `0x${BigInt(ticket.creationRound).toString(16).padStart(64, "0")}${ticket.creationRoundBlockHash.slice(2)}`,
      },
      sig,
      BigInt(recipientRand),
    ] as const;
    const data = encodeFunctionData({ abi: abis.ticketBrokerAbi, functionName: "redeemWinningTicket", args });
    expect(Object.values(expected)).toContain(data);
  },

  "stake-to-fixed": ({ baseAmount }: Texts, { fixed }: Texts) => {
    expect(stakeToFixed(BigInt(baseAmount ?? ""))).toBe(BigInt(fixed ?? ""));
  },

  rounds: (
    input: Texts,
    expected: { readonly currentRound: string; readonly currentRoundStartBlock: string; readonly locked: boolean },
  ) => {
    const of = (name: string) => BigInt(input[name] ?? "");
    const time = roundAt(of("l1Block"), {
      lengthUpdateRound: of("lastRoundLengthUpdateRound"),
      lengthUpdateStartBlock: of("lastRoundLengthUpdateStartBlock"),
      roundLength: of("roundLength"),
      lockAmount: of("roundLockAmount"),
    });
    expect(time).toEqual({
      round: BigInt(expected.currentRound),
      startBlock: BigInt(expected.currentRoundStartBlock),
      isLocked: expected.locked,
    });
  },

  "ticket-expiry": (input: Texts, expected: { readonly redeemable: boolean }) => {
    const of = (name: string) => BigInt(input[name] ?? "");
    expect(isRedeemable(of("creationRound"), of("currentRound"), of("ticketValidityPeriod"))).toBe(expected.redeemable);
  },

  "perc-math": (input: Texts, expected: Texts) => {
    const of = (name: string) => BigInt(input[name] ?? "");
    if (input["fees"] !== undefined) {
      const split = splitFees(of("fees"), {
        feeShare: of("feeShare"),
        totalStake: of("totalStake"),
        activeCumulativeRewards: of("activeCumulativeRewards"),
        previousRewardFactor: of("prevCumulativeRewardFactor"),
        feeFactor: of("cumulativeFeeFactor"),
      });
      expect({
        delegatorsFees: `${split.delegatorsFees}`,
        transcoderCommissionFees: `${split.commission}`,
        transcoderRewardStakeFees: `${split.rewardStakeFees}`,
        cumulativeFeesAdded: `${split.cumulativeFees}`,
        cumulativeFeeFactor: `${split.feeFactor}`,
      }).toEqual(expected);
    } else if (input["fracDenom"] !== undefined) {
      const points = percPoints(of("fracNum"), of("fracDenom"), PRECISE);
      expect({ percPoints: `${points}`, percOfAmount1000: `${percOf(1000n, points, PRECISE)}` }).toEqual(expected);
    } else {
      expect({ percOf: `${percOf(of("amount"), of("fracNum"), of("divisor"))}` }).toEqual(expected);
    }
  },

  "reserve-claim": (input: Texts & { readonly claimantActive: boolean }, expected: Texts) => {
    const of = (name: string) => BigInt(input[name] ?? "");
    const claimable = claimableReserve({
      reserve: of("reserveFunds"),
      claimedInRound: of("claimedInRound"),
      claimedByClaimant: of("claimedByClaimant"),
      poolSize: of("poolSize"),
      isClaimantActive: input.claimantActive,
    });
    const { paid, claimed } = payoutOf(of("faceValue"), of("deposit"), claimable);
    expect({
      claimable: `${claimable}`,
      claimed: `${claimed}`,
      transfer: `${paid}`,
      deposit: `${of("deposit") - (paid - claimed)}`,
      reserve: `${of("reserveFunds") - claimed}`,
      claimedInRound: `${of("claimedInRound") + claimed}`,
      claimedBy: `${of("claimedByClaimant") + claimed}`,
    }).toEqual(expected);
  },
});

interface CalldataInput {
  readonly ticket: {
    readonly recipient: `0x${string}`;
    readonly sender: `0x${string}`;
    readonly faceValue: string;
    readonly winProb: string;
    readonly senderNonce: string;
    readonly recipientRandHash: `0x${string}`;
    readonly creationRound: string;
    readonly creationRoundBlockHash: `0x${string}`;
  };
  readonly sig: `0x${string}`;
  readonly recipientRand: string;
}
