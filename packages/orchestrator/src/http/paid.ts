import type { OutgoingHttpHeaders } from "node:http";
import type { Pipeline } from "@rivulet/pipelines";
import { isError } from "@rivulet/primitives";
import { chargeHeaders, chargeTrailer } from "@rivulet/wire";
import type { Bill } from "../cashier.ts";
import type { JobResult, JobStream } from "../executor.ts";
import type { HttpRequest } from "./exchange.ts";
import type { ToldStream } from "./job-answer.ts";

/** Books a job that is done; what it was charged, for the headers of its answer. */
export async function paidAnswer(
  result: JobResult,
  pipeline: Pipeline,
  bill: Bill | undefined,
): Promise<OutgoingHttpHeaders> {
  if (bill === undefined) return {};
  const used = bill.isByUse ? spentIn(pipeline, result.response) : undefined;
  return chargeHeaders(await bill.settle(used ?? bill.whole.units));
}

/**
 * Books a stream when it ends. One of our own gateways is told in trailers what it was charged; any other, and one that
 * HTTP/1.0 leaves without trailers, before the stream, as it pays for the whole.
 *
 * A caller that leaves in the middle pays for what it got, or nobody would wait for the last event. A stream that breaks on
 * our side costs nothing.
 */
export function paidStream(
  stream: JobStream,
  pipeline: Pipeline,
  bill: Bill | undefined,
  request: Pick<HttpRequest, "httpVersion">,
): ToldStream {
  if (bill === undefined) return { events: stream.events, headers: {} };
  const { whole } = bill;
  const trailer = bill.isByUse ? chargeTrailer(request) : undefined;
  let last: string | undefined;
  let count = 0n;
  let isOver = false;
  const used = () => {
    const spent = last === undefined ? undefined : spentIn(pipeline, parsed(last));
    if (isOver) return spent ?? whole.units;
    return spent !== undefined && spent > count ? spent : count;
  };
  const settle = () => bill.settle(trailer === undefined ? whole.units : used());
  async function* events() {
    try {
      for await (const event of stream.events) {
        yield event;
        last = event;
        count += 1n;
      }
      isOver = true;
    } catch (error) {
      if (!isError(error, "request.cancelled")) count = 0n;
      throw error;
    } finally {
      if (!isOver && count > 0n) await settle();
    }
  }
  return {
    events: events(),
    headers: trailer ?? chargeHeaders(whole),
    trailers: async () => {
      const charge = await settle();
      return trailer === undefined ? {} : chargeHeaders(charge);
    },
  };
}

/** What an answer says it used. A count of nothing is a runner that does not count. */
function spentIn(pipeline: Pipeline, response: unknown): bigint | undefined {
  const read = pipeline.spent === undefined ? undefined : pipeline.response.safeParse(response);
  const spent = read?.success === true ? pipeline.spent?.(read.data) : undefined;
  return spent === 0n ? undefined : spent;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
