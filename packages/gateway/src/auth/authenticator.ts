/** What is looked at to decide who calls. */
export interface Credentials {
  /** The `Authorization` header as it came. */
  readonly authorization: string | undefined;
  readonly path: string;
}

/** Who calls, as far as this gateway knows. */
export interface Caller {
  readonly name: string;
}

/** Decides who may use the gateway. */
export interface Authenticator {
  /** Who calls. Throws "auth.rejected" or "auth.unavailable". */
  authenticate(credentials: Credentials): Caller | Promise<Caller>;
}

/** Anybody may: for a gateway only this machine reaches, or one that was told so by name. */
export const openToAll: Authenticator = {
  authenticate: () => ANYBODY,
};

const ANYBODY: Caller = { name: "anybody" };

/** The key in `Authorization: Bearer <key>`. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
}
