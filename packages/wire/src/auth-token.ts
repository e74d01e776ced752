import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { bigIntegerBytes } from "@rivulet/crypto";
import { type Milliseconds, ms, RivuletError } from "@rivulet/primitives";
import { type AuthToken as AuthTokenMessage, AuthTokenSchema } from "./gen/lp_rpc_pb.ts";
import { readMessage, writeMessage } from "./protobuf.ts";

/** An orchestrator's proof that it opened this session. Opaque to a gateway, which carries it back with every job. */
export interface AuthToken {
  readonly token: Uint8Array;
  readonly sessionId: string;
  /** A whole second, as the network tells it. */
  readonly expiresAt: Milliseconds;
}

/** How long a token lasts. Source: wire-protocol 3.4. */
export const AUTH_TOKEN_LIFETIME = ms(30 * 60_000);

/** A token this close to its end is due for a fresh one: a tenth of its life. */
export const AUTH_TOKEN_MARGIN = ms(AUTH_TOKEN_LIFETIME / 10);

const SECOND = 1000;
/** The last second whose milliseconds are an exact number here, 285,000 years from now. Nothing lasts longer. */
const LAST_SECOND = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / SECOND));

/**
 * Issues and verifies the tokens of one process. With a key drawn at its start, a restart ends every session, and that is
 * meant: what a session promised is gone too.
 */
export class AuthTokens {
  readonly #key: KeyObject;

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  issue(sessionId: string, now: Milliseconds): AuthToken {
    const expiration = Math.floor((now + AUTH_TOKEN_LIFETIME) / SECOND);
    return { token: this.#mac(sessionId, expiration), sessionId, expiresAt: ms(expiration * SECOND) };
  }

  /**
   * The token, once it is known to be ours and alive. Throws "credentials.token-missing", "credentials.token-invalid",
   * "credentials.token-expired", in this order.
   */
  verify(token: AuthToken | undefined, now: Milliseconds): AuthToken {
    if (token === undefined) throw new RivuletError("credentials.token-missing", {});
    const expiration = Math.floor(token.expiresAt / SECOND);
    const mac = expiration < 0 ? undefined : this.#mac(token.sessionId, expiration);
    if (mac === undefined || token.token.length !== mac.length || !timingSafeEqual(token.token, mac)) {
      throw new RivuletError("credentials.token-invalid", {});
    }
    if (Math.floor(now / SECOND) > expiration) throw new RivuletError("credentials.token-expired", {});
    return token;
  }

  #mac(sessionId: string, expiration: number): Uint8Array {
    const mac = createHmac("sha256", this.#key);
    return new Uint8Array(
      mac
        .update(sessionId, "utf8")
        .update(bigIntegerBytes(BigInt(expiration)))
        .digest(),
    );
  }
}

/** The value of a message. A time that no clock will ever show becomes the first or the last that can be told. */
export function authTokenOf(message: AuthTokenMessage): AuthToken {
  const { token, sessionId, expiration } = message;
  const second = expiration > LAST_SECOND ? LAST_SECOND : expiration < -LAST_SECOND ? -LAST_SECOND : expiration;
  return { token, sessionId, expiresAt: ms(Number(second) * SECOND) };
}

export function authTokenMessage(value: AuthToken): MessageInitShape<typeof AuthTokenSchema> {
  return {
    token: value.token,
    sessionId: value.sessionId,
    expiration: BigInt(Math.floor(value.expiresAt / SECOND)),
  };
}

export function encodeAuthToken(value: AuthToken): Uint8Array {
  return writeMessage(AuthTokenSchema, authTokenMessage(value));
}

/** Throws "peer.protocol". */
export function decodeAuthToken(bytes: Uint8Array): AuthToken {
  return authTokenOf(readMessage(AuthTokenSchema, bytes, "peer.protocol"));
}
