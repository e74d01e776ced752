/** An answer of a gateway to an application, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  readonly tookMs: number;
}

export interface AskOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks a gateway as an application does: with JSON, or with a form or bytes when a body is that. */
export async function ask(
  gateway: { readonly address: string },
  path: string,
  body: object,
  options: AskOptions = {},
): Promise<Answer> {
  const isReady = body instanceof FormData || body instanceof Uint8Array;
  const begin = performance.now();
  const response = await fetch(`${gateway.address}${path}`, {
    method: "POST",
    headers: { ...(isReady ? {} : { "content-type": "application/json" }), ...options.headers },
    body: isReady ? (body as FormData | Uint8Array<ArrayBuffer>) : JSON.stringify(body),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parsed(text), tookMs: performance.now() - begin };
}

/** The code in an error body. */
export function codeIn(answer: Answer): unknown {
  return at(answer.body, "error", "code");
}

/** A member of nested records and lists, or `undefined`. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
