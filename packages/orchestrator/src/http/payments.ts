import { address } from "@rivulet/crypto";
import { type BodyBudget, type Clock, clockDeadline, RivuletError, seconds } from "@rivulet/primitives";
import { encodeOrchestratorInfo, encodePaymentResult } from "@rivulet/wire";
import type { Admission } from "../admission.ts";
import type { Cashier } from "../cashier.ts";
import type { Discovery } from "../grpc/discovery.ts";
import { answer, answerJson, type HttpRequest, type HttpResponse, untilCallerLeaves } from "./exchange.ts";
import { Refusal, refusing, refusingLater } from "./refusal.ts";
import { readRequestBody } from "./request-body.ts";

export interface PaymentRoutePorts {
  readonly admission: Admission;
  readonly cashier: Cashier;
  readonly discovery: Discovery;
  readonly bodies: BodyBudget;
  readonly clock: Clock;
  /** Aborts when the node stops waiting for what is under way. */
  readonly stopping: AbortSignal;
}

/** Two names. */
const MAX_QUESTION = 4096;
/** For its few bytes and what the chain has to say. */
const QUESTION_LIMIT = seconds(10);

/** A payment without a job, for a stream that goes on. Its answer is what to pay with next. Source: payments-and-chain 8.4. */
export async function takePayment(
  request: HttpRequest,
  response: HttpResponse,
  { admission, cashier, discovery, stopping }: PaymentRoutePorts,
): Promise<void> {
  const { payment, credentials } = admission.identify(request.headers);
  request.resume();
  const { manifestId, capabilities, authToken } = credentials;
  const quotation = await refusingLater(400, () => cashier.topUp(payment, manifestId, capabilities, stopping));
  const result = encodePaymentResult(discovery.info(authToken, quotation));
  answer(response, 200, { "content-type": "application/octet-stream" }, result);
}

/** New parameters for a session that is open, at its price. Source: payments-and-chain 8.4, 8.5. */
export async function renewParams(
  request: HttpRequest,
  response: HttpResponse,
  { cashier, discovery, bodies, clock, stopping }: PaymentRoutePorts,
): Promise<void> {
  using left = untilCallerLeaves(response, stopping);
  using signal = clockDeadline(clock, QUESTION_LIMIT, left);
  using room = bodies.open();
  const body = await readRequestBody(request, { maxBytes: MAX_QUESTION, room, signal });
  const { sender, manifestId } = questionOf(body.toString("utf8"));
  const quotation = await refusingLater(400, () => cashier.renew(sender, manifestId, signal));
  if (quotation === undefined) throw refusal(409, "fixed price not found for session");
  const info = discovery.info(discovery.token(manifestId), quotation);
  answerJson(response, {
    payment_params: Buffer.from(encodeOrchestratorInfo(info)).toString("base64"),
    orchestrator: info.serviceUri,
    manifest_id: manifestId,
    payment_url: `${info.serviceUri}/payment`,
  });
}

function questionOf(text: string) {
  const value = refusing(400, (): unknown => {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new RivuletError("request.malformed", { reason: "the body is not JSON" }, { cause });
    }
  });
  const member = (name: string): unknown =>
    typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  const [sender, manifestId] = [member("sender"), member("manifest_id")];
  if (typeof sender !== "string" || !/^0x[0-9a-f]{40}$/i.test(sender)) throw refusal(400, "invalid sender");
  if (typeof manifestId !== "string" || manifestId === "") throw refusal(400, "missing manifest_id");
  return { sender: address(sender), manifestId };
}

function refusal(status: number, text: string): Refusal {
  return new Refusal(status, new RivuletError("request.malformed", { reason: text }), text);
}
