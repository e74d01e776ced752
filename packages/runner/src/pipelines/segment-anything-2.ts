import type { BackendFactory } from "../backend.ts";
import type { Implementation } from "../implementation.ts";
import { loadSam2 } from "../segmentation/sam2.ts";

/** Outlines of things in a picture. Source: runner-and-models 1.8, 7.13. */
export function segmentAnything2(backend: BackendFactory): Implementation<"segment-anything-2"> {
  return { load: (context) => loadSam2(backend, context) };
}
