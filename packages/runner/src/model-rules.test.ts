import { expect, test } from "vitest";
import { ruleOf } from "./model-rules.ts";

test.each([
  ["stabilityai/sd-turbo", 0, undefined],
  ["stabilityai/sdxl-turbo", 0, undefined],
  ["stabilityai/sd-turbo-2", undefined, undefined],
  ["ByteDance/SDXL-Lightning", 0, 8],
  ["ByteDance/SDXL-Lightning-2step", 0, 2],
  ["ByteDance/SDXL-Lightning/4step_unet", 0, 4],
  ["ByteDance/SDXL-Lightning-8step", 0, 8],
  ["bytedance/sdxl-lightning", undefined, undefined],
  ["SG161222/RealVisXL_V4.0_Lightning", undefined, undefined],
  ["rivulet/starter-text-to-image", undefined, undefined],
])("%s has guidance %s and steps %s", (id, guidance, steps) => {
  expect([ruleOf(id).guidance, ruleOf(id).steps]).toEqual([guidance, steps]);
});

test("Lightning models step with Euler's method, spaced from the end", () => {
  expect(ruleOf("ByteDance/SDXL-Lightning-4step").scheduler).toEqual({
    className: "EulerDiscreteScheduler",
    settings: { timestep_spacing: "trailing" },
  });
});
