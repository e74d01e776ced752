import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { ConfigProblem } from "./ai-models.ts";
import { reasonOf } from "./secrets.ts";

/** What a server shows, and what proves that it is its own; PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** The files of a server's identity. What is wrong with them is added to `problems`; `undefined` then and when none is named. */
export function tlsIdentity(
  { certificate, key }: { readonly certificate?: string | undefined; readonly key?: string | undefined },
  problems: ConfigProblem[],
): TlsIdentity | undefined {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    problems.push({ path: "-tlsCertificate", message: "give it and -tlsKey, or neither" });
    return undefined;
  }
  const cert = tlsCertificate("-tlsCertificate", certificate, problems);
  const identity = { cert: cert ?? "", key: readPem("-tlsKey", key, problems) ?? "" };
  if (identity.cert === "" || identity.key === "") return undefined;
  return isUsable(identity, "-tlsKey", "is not the key of the certificate", problems) ? identity : undefined;
}

/** A certificate in a file, PEM. What is wrong with it is added to `problems`. */
export function tlsCertificate(flag: string, path: string, problems: ConfigProblem[]): string | undefined {
  const cert = readPem(flag, path, problems);
  return cert !== undefined && isUsable({ cert }, flag, "holds no certificate in the form PEM", problems)
    ? cert
    : undefined;
}

function readPem(flag: string, path: string, problems: ConfigProblem[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    problems.push({ path: flag, message: `${path} cannot be read (${reasonOf(error)})` });
    return undefined;
  }
}

function isUsable(identity: Partial<TlsIdentity>, flag: string, message: string, problems: ConfigProblem[]): boolean {
  try {
    createSecureContext(identity);
    return true;
  } catch {
    problems.push({ path: flag, message });
    return false;
  }
}
