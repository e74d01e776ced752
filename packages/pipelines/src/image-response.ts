import { z } from "zod";
import type { ResultFile } from "./pipeline.ts";

/** One made picture or video. */
export const media = z
  .object({
    url: z.string().describe("Where the file is: a URL or a data URL."),
    seed: z.int().describe("The seed it was made with."),
    nsfw: z.boolean().describe("Whether the safety check found something."),
  })
  .meta({ id: "Media", description: "One made picture or video." });

export const imageResponse = z
  .object({ images: z.array(media).describe("In the order of their seeds.") })
  .meta({ id: "ImageResponse", description: "What was made." });

/** The files of an image response, all of one type. */
export function imageFiles(
  response: z.output<typeof imageResponse>,
  contentType: ResultFile["contentType"],
): readonly ResultFile[] {
  return response.images.map((owner) => ({ owner, key: "url", contentType }));
}

/** The seeds of `count` pictures: each is the one before plus one. `{}` when the request names none. */
export function seedsFrom(seed: number | undefined, count: number): { readonly seeds?: readonly number[] } {
  return seed === undefined ? {} : { seeds: Array.from({ length: count }, (_, index) => seed + index) };
}
