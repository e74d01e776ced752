import { z } from "zod";

/** How an application gets the files of an answer: as addresses to fetch, or inside the answer as data URLs. */
export type Delivery = "url" | "data";

/** What a gateway takes as `response_format`; `b64_json` is another API's word for the same. */
export const deliveryWords = { url: "url", data: "data", b64: "data", b64_json: "data" } as const satisfies Readonly<
  Record<string, Delivery>
>;

type Word = keyof typeof deliveryWords;

/** The field as documents describe it: gateways keep it to themselves, so it is in no pipeline's request. */
export const responseFormat = z
  .enum(Object.keys(deliveryWords) as [Word, ...Word[]])
  .optional()
  .describe(
    "How files come: url, as addresses that work for a while; the others, in the answer as data URLs. The gateway's usual way when left out.",
  );

/** What an application asks with for a result that was not ready when it asked for the job. */
export const laterRequest = z
  .object({ request_id: z.string().describe("As the job was answered.") })
  .meta({ id: "LaterRequest" });

/** The answer to a job whose result comes later. */
export const laterAccepted = z
  .object({ request_id: z.string().describe("Names the result.") })
  .meta({ id: "LaterAccepted" });

/** The header that says the same where the body is not the place for it. */
export const preferHeader = z
  .string()
  .optional()
  .meta({
    description:
      "media=url or media=data: how files come, unless response_format says it. respond-async: answer at once with the name of the request, where the result can come later.",
    param: { id: "Prefer" },
  });
