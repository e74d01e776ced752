import type { PipelineRequest } from "@rivulet/pipelines";
import { rejected } from "../rejected.ts";

type Request = PipelineRequest<"segment-anything-2">;

/** What a point says of the thing that is looked for; −1 is no point at all. */
export const LABEL = { none: -1, off: 0, on: 1, boxStart: 2, boxEnd: 3 } as const;
const LABELS: ReadonlySet<unknown> = new Set(Object.values(LABEL));

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly label: number;
}

/** Clicks are made by people; each costs attention to all others. */
const MAX_POINTS = 1024;
/** Farther out than any picture is wide: beyond it single precision loses the place. */
const MAX_COORDINATE = 2 ** 20;
/** Answers are cut at ±32; much larger numbers overflow in the model. */
const MAX_LOGIT = 1000;

/**
 * The points a request speaks of, in pixels of a square of `side`, the corners of its box before the others.
 * Source: runner-and-models 7.13.
 *
 * Throws "request.rejected-by-model", naming the field.
 */
export function pointsOf(
  request: Request,
  picture: { readonly width: number; readonly height: number },
  side: number,
): Point[] {
  const { point_coords, point_labels, box, normalize_coords } = request;
  const [across, down] = normalize_coords ? [side / picture.width, side / picture.height] : [side, side];
  const corners = box === undefined ? [] : boxOf(parsed("box", box));
  const places = point_coords === undefined ? [] : placesOf("point_coords", parsed("point_coords", point_coords), 2);
  const labels = point_labels === undefined ? [] : labelsOf(parsed("point_labels", point_labels));
  if (places.length !== labels.length)
    throw rejected("point_labels", `${labels.length} labels for ${places.length} points`);
  if (places.length > MAX_POINTS) throw rejected("point_coords", `more than ${MAX_POINTS} points`);
  const points = places.map(([x = 0, y = 0], index) => ({ x, y, label: labels[index] ?? LABEL.none }));
  return [...corners, ...points].map(({ x, y, label }) => ({ x: x * across, y: y * down, label }));
}

/** The numbers of a mask to start from. Throws "request.rejected-by-model" when they are not `height` rows of `width`. */
export function startingMask(text: string, height: number, width: number): Float32Array {
  const value = parsed("mask_input", text);
  const wrong = () => rejected("mask_input", `not 1 × ${height} × ${width} numbers within ±${MAX_LOGIT}`);
  if (!Array.isArray(value) || value.length !== 1) throw wrong();
  const [rows] = value;
  if (!Array.isArray(rows) || rows.length !== height) throw wrong();
  const mask = new Float32Array(height * width);
  for (const [y, row] of rows.entries()) {
    if (!Array.isArray(row) || row.length !== width) throw wrong();
    for (const [x, logit] of row.entries()) {
      if (typeof logit !== "number" || !(Math.abs(logit) <= MAX_LOGIT)) throw wrong();
      mask[y * width + x] = logit;
    }
  }
  return mask;
}

function boxOf(value: unknown): readonly Point[] {
  // Some callers hand in a list of boxes with one in it.
  const isNested = Array.isArray(value) && value.length === 1 && Array.isArray(value[0]);
  const [corners] = placesOf("box", isNested ? value : [value], 4);
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = corners ?? [];
  return [
    { x: x0, y: y0, label: LABEL.boxStart },
    { x: x1, y: y1, label: LABEL.boxEnd },
  ];
}

function placesOf(field: string, value: unknown, size: number): readonly (readonly number[])[] {
  if (!Array.isArray(value) || !value.every((place) => isPlace(place, size)))
    throw rejected(field, `not ${size} coordinates within ±${MAX_COORDINATE} for each`);
  return value;
}

function isPlace(place: unknown, size: number): place is readonly number[] {
  const isCoordinate = (value: unknown) => typeof value === "number" && Math.abs(value) <= MAX_COORDINATE;
  return Array.isArray(place) && place.length === size && place.every(isCoordinate);
}

function labelsOf(value: unknown): readonly number[] {
  if (!Array.isArray(value) || !value.every((label) => LABELS.has(label)))
    throw rejected("point_labels", "not a list of 0 and 1");
  return value;
}

function parsed(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw rejected(field, `Error parsing JSON for ${field}: ${cause instanceof Error ? cause.message : ""}`, cause);
  }
}
