import { codeOf, type ErrorCode, errorBody, httpOf, isError, RivuletError } from "@rivulet/primitives";
import { legacyPhraseOf, RIVULET_HEADER } from "@rivulet/wire";
import { answer, type HttpRequest, type HttpResponse, headerOf } from "./exchange.ts";

/** An error together with the status that the protocol gives to the step it happened in. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  /** The text the protocol wants, where it is not the phrase of the error's code. */
  readonly text: string | undefined;

  constructor(status: number, cause: unknown, text?: string) {
    super("refused", { cause });
    this.status = status;
    this.text = text;
  }
}

/** Does a step of a request; its errors are refused with `status`. Source of statuses: wire-protocol 4.4. */
export function refusing<T>(status: number, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw isError(error) ? new Refusal(status, error) : error;
  }
}

/** The same for a step that takes time. */
export async function refusingLater<T>(status: number, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw isError(error) ? new Refusal(status, error) : error;
  }
}

/** Codes whose status is the same in every step. */
const ALWAYS: ReadonlySet<ErrorCode> = new Set([
  "request.too-large",
  "request.method-not-allowed",
  "capacity.exhausted",
  "node.overloaded",
  "node.stopping",
]);

/** What is wrong with our books, and where they lie, is for our own log; a peer learns that it should go elsewhere. */
function told(cause: unknown): unknown {
  return isError(cause) && cause.code.startsWith("store.") ? new RivuletError("node.overloaded", {}, { cause }) : cause;
}

/**
 * Answers an error as the network expects it: plain text with its phrases, one newline at the end. Our code goes in a
 * header, and our own body to gateways of ours and callers who ask for JSON. Errors that are not ours keep their text to
 * themselves.
 */
export function answerError(request: HttpRequest, response: HttpResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const cause = told(error instanceof Refusal ? error.cause : error);
  const status = error instanceof Refusal && !ALWAYS.has(codeOf(cause)) ? error.status : httpOf(cause);
  const text = (error instanceof Refusal ? error.text : undefined) ?? legacyPhraseOf(cause);
  const wantsJson =
    headerOf(request, RIVULET_HEADER) !== undefined ||
    headerOf(request, "accept")?.includes("application/json") === true;
  const headers = {
    "x-rivulet-code": codeOf(cause),
    "x-content-type-options": "nosniff",
    // The rest of a body that is refused is not worth reading for the sake of the connection.
    ...(!request.readableEnded && request.httpVersionMajor === 1 && { connection: "close" }),
  };
  if (wantsJson)
    answer(response, status, { ...headers, "content-type": "application/json" }, JSON.stringify(errorBody(cause)));
  else answer(response, status, { ...headers, "content-type": "text/plain; charset=utf-8" }, `${text}\n`);
}
