import { expect, test } from "vitest";
import { nextStep } from "./staking.ts";

const active = {
  isRegistered: true,
  isActive: true,
  serviceUri: "https://o.example:8935",
  stake: 1n,
  bonded: 1n,
  fees: 0n,
  activationRound: 5n,
  deactivationRound: 2n ** 256n - 1n,
  round: 7n,
  lastRewardRound: 7n,
  rewardCut: 0n,
  feeShare: 0n,
  locks: [],
};

test.each([
  ["nobody yet", { isRegistered: false, isActive: false, serviceUri: "" }, /^rivulet register .*-stake/],
  ["at no address", { serviceUri: "" }, /^rivulet register -serviceAddr/],
  ["not active yet", { isActive: false, round: 4n }, /^wait for round 5, now it is 4/],
  ["outbid", { isActive: false, deactivationRound: 7n }, /^rivulet stake add/],
  ["with a lock that has ended", { locks: [{ id: 3n, amount: 1n, withdrawRound: 7n }] }, /^rivulet stake withdraw 3/],
  ["with fees", { fees: 1n, locks: [{ id: 3n, amount: 1n, withdrawRound: 8n }] }, /^rivulet stake fees/],
  ["with nothing to do but work", {}, /^rivulet orchestrator/],
])("an account that is %s is told what comes next", (_standing, change, told) => {
  expect(nextStep({ ...active, ...change })).toMatch(told);
});
