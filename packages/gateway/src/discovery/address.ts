import { type ServiceUri, serviceUri } from "@rivulet/primitives";

/** Where an orchestrator listens when its address does not say. Source: wire-protocol 1.3. */
const USUAL_PORT = "8935";
/** Longer than any address in use. */
const MAX_LENGTH = 2048;

/** The address in a text, `https` and port 8935 where it does not say; `undefined` when it is none. */
export function addressOf(text: string): ServiceUri | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > MAX_LENGTH) return undefined;
  const [, scheme = "https://", authority, rest = ""] =
    /^(https?:\/\/)?([^/?#@\s]+)(\/[^?#\s]*)?$/i.exec(trimmed) ?? [];
  if (authority === undefined) return undefined;
  const hasPort = /:\d+$/.test(authority);
  try {
    return serviceUri(`${scheme}${authority}${hasPort ? "" : `:${USUAL_PORT}`}${rest}`);
  } catch {
    return undefined;
  }
}
