import { liveVideoToVideo, llm, textToImage } from "@rivulet/pipelines";
import { modelId } from "@rivulet/primitives";
import { DEFAULT_CAPABILITIES, numbersOf } from "@rivulet/wire";
import { expect, test } from "vitest";
import { capabilitiesOfOffers, offersOfCapabilities } from "./advertise.ts";
import type { ModelOffer } from "./executor.ts";

const offer = (about: Partial<ModelOffer>): ModelOffer => ({
  pipeline: textToImage,
  model: modelId("m"),
  isWarm: false,
  free: 1,
  slots: 2,
  runnerVersion: "1.2.0",
  ...about,
});

test("without models the default set is still told, and nothing else", () => {
  const { bits, models, version } = capabilitiesOfOffers([], "free");
  expect(numbersOf(bits)).toEqual(DEFAULT_CAPABILITIES);
  expect(models.size).toBe(0);
  expect(version).toBe("0.9.1");
});

test("offers of one model add up: warm if any is, the lowest version", () => {
  const offers = [offer({}), offer({ isWarm: true, runnerVersion: "1.1.9", free: 2, slots: 3 })];
  const expected = { isWarm: true, runnerVersion: "1.1.9" };
  expect(capabilitiesOfOffers(offers, "free").models.get(27)?.get("m")).toEqual({
    ...expected,
    capacity: 3,
    capacityInUse: 2,
  });
  expect(capabilitiesOfOffers(offers.toReversed(), "slots").models.get(27)?.get("m")).toEqual({
    ...expected,
    capacity: 5,
    capacityInUse: 0,
  });
});

test("a runner without a version makes the model's version unknown", () => {
  const told = capabilitiesOfOffers([offer({}), offer({ runnerVersion: "" })], "free");
  expect(told.models.get(27)?.get("m")?.runnerVersion).toBe("");
});

test("what a worker tells is what is understood", () => {
  const offers = [offer({ free: 2 }), offer({ pipeline: llm, isWarm: true, free: 2 })];
  expect(offersOfCapabilities(capabilitiesOfOffers(offers, "slots"))).toEqual(offers);
});

test("workers cannot offer live pipelines, nor models without slots", () => {
  const live = offer({ pipeline: liveVideoToVideo });
  expect(offersOfCapabilities(capabilitiesOfOffers([live, offer({ slots: 0 })], "slots"))).toEqual([]);
});
