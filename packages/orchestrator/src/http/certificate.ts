import { generate } from "selfsigned";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** Hours a certificate is valid. Source: wire-protocol 1.2. */
const VALID_HOURS = 8765;

/**
 * A certificate for one start of the node: P-256, signed by itself, naming `host` as its one DNS name, an IP address too.
 * Nobody verifies it; who an orchestrator is rests on its address, not on its certificate.
 */
export async function selfSignedCertificate(host: string, now: Date): Promise<Certificate> {
  const { private: key, cert } = await generate([], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: now,
    notAfterDate: new Date(now.getTime() + VALID_HOURS * 3_600_000),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [{ type: 2, value: host }] },
    ],
  });
  return { key, cert };
}
