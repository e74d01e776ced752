import type { Dispatcher } from "undici";

/**
 * Sends a request and waits for the head of its answer. The answer's body is to be read, dumped or destroyed; whoever
 * reads it hears of its errors, and whoever destroys it unread brings none upon the process.
 */
export async function ask(
  dispatcher: Dispatcher,
  options: Dispatcher.RequestOptions,
): Promise<Dispatcher.ResponseData> {
  const answer = await dispatcher.request({ headersTimeout: 0, bodyTimeout: 0, ...options });
  answer.body.on("error", () => {});
  return answer;
}

/** Sends a request to a URL. */
export function askUrl(
  dispatcher: Dispatcher,
  url: string,
  options: Omit<Dispatcher.RequestOptions, "origin" | "path">,
): Promise<Dispatcher.ResponseData> {
  const { origin, pathname, search } = new URL(url);
  return ask(dispatcher, { ...options, origin, path: `${pathname}${search}` });
}
