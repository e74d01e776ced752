import type { IncomingHttpHeaders } from "node:http";
import { RivuletError } from "@rivulet/primitives";
import { CHARGE_HEADERS } from "@rivulet/wire";

/** Pages of the machine that the browser runs on, whatever port serves them. */
const LOCAL = "local";
const ANY = "*";

/** How long browsers remember what they were told, in seconds. Chromium asks again after two hours at the latest. */
const MAX_AGE = 7200;
/** What scripts may read of an answer beside its body. */
const READABLE = ["x-request-id", "x-orchestrator", ...CHARGE_HEADERS, "server-timing", "retry-after"].join(", ");
/** What scripts may send. */
const SENT = "authorization, content-type, accept, prefer";

type Headers = Readonly<Record<string, string>>;

/** Whose pages' scripts may use the gateway, as browsers ask before they let them. */
export class Origins {
  readonly #allowed: ReadonlySet<string>;

  /** Origins, `local` for pages of the browser's own machine, or `*` for all. Throws "config.invalid" for anything else. */
  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed.map((text, index) => originIn(text, index)));
  }

  allows(origin: string): boolean {
    return this.#allowed.has(ANY) || this.#allowed.has(origin) || (this.#allowed.has(LOCAL) && isLocal(origin));
  }

  /** What goes with every answer to a page's script. */
  headersFor({ origin }: IncomingHttpHeaders): Headers {
    if (origin === undefined) return {};
    if (!this.allows(origin)) return { vary: "origin" };
    return { vary: "origin", "access-control-allow-origin": origin, "access-control-expose-headers": READABLE };
  }

  /** The answer to a browser that asks what a script may send. */
  permission({ origin }: IncomingHttpHeaders, methods: readonly string[]): Headers {
    const allow = [...methods, "OPTIONS"].join(", ");
    if (origin === undefined || !this.allows(origin)) return { allow };
    return {
      allow,
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": SENT,
      "access-control-max-age": String(MAX_AGE),
    };
  }
}

function originIn(text: string, index: number): string {
  if (text === ANY || text === LOCAL) return text;
  const { origin, href } = URL.canParse(text) ? new URL(text) : { origin: "null", href: "" };
  if (href === `${origin}/`) return origin;
  const message = `"${text}" is no origin: write https://host or https://host:port, local, or *`;
  throw new RivuletError("config.invalid", { problems: [{ path: `gateway.allowedOrigins.${index}`, message }] });
}

function isLocal(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, hostname } = new URL(origin);
  return /^https?:$/.test(protocol) && /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
