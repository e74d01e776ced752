import { generate } from "selfsigned";

/** A certificate that trusts itself, for a server on the loopback address; PEM. */
export async function tlsIdentityForTests(): Promise<{ readonly cert: string; readonly key: string }> {
  const { private: key, cert } = await generate([], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true, critical: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  return { key, cert };
}
