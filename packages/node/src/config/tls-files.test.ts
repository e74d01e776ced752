import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isError } from "@rivulet/primitives";
import { tlsIdentityForTests } from "@rivulet/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { remoteRedeemerOf } from "../money/orchestrator-money.ts";
import type { ConfigProblem } from "./ai-models.ts";
import { Secret } from "./secrets.ts";
import { tlsIdentity } from "./tls-files.ts";

let directory: string;
let cert: string;
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "rivulet-tls-"));
  const [own, other] = [await tlsIdentityForTests(), await tlsIdentityForTests()];
  cert = own.cert;
  writeFileSync(at("cert.pem"), cert);
  writeFileSync(at("key.pem"), own.key);
  writeFileSync(at("other-key.pem"), other.key);
  writeFileSync(at("nonsense.pem"), "hello");
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  [undefined, undefined, []],
  ["cert.pem", "key.pem", []],
  ["cert.pem", undefined, ["-tlsCertificate"]],
  [undefined, "key.pem", ["-tlsCertificate"]],
  ["cert.pem", "other-key.pem", ["-tlsKey"]],
  ["nonsense.pem", "key.pem", ["-tlsCertificate"]],
  ["cert.pem", "missing.pem", ["-tlsKey"]],
])("certificate %s with key %s: problems %j", (certificate, key, paths) => {
  const problems: ConfigProblem[] = [];
  const identity = tlsIdentity({ certificate: certificate && at(certificate), key: key && at(key) }, problems);
  expect(problems.map(({ path }) => path)).toEqual(paths);
  expect(identity !== undefined).toBe(certificate === "cert.pem" && key === "key.pem");
});

test("an orchestrator trusts the redeemer whose certificate it was given", () => {
  const redeemerSecret = new Secret("s", "env:SECRET");
  const settings = { redeemer: "10.0.0.5:8935", redeemerSecret, redeemerCertificate: at("cert.pem") };
  expect(remoteRedeemerOf(settings)).toEqual({ url: "https://10.0.0.5:8935", secret: "s", certificate: cert });
  expect(remoteRedeemerOf({ redeemer: "10.0.0.5:8935" })).toEqual({ url: "https://10.0.0.5:8935" });
});

test.each([
  ["10.0.0.5:8935", "nonsense.pem"],
  ["10.0.0.5:8935", "missing.pem"],
  ["http://10.0.0.5:8935", "cert.pem"],
])("a redeemer at %s cannot be told by %s", (redeemer, file) => {
  try {
    remoteRedeemerOf({ redeemer, redeemerCertificate: at(file) });
    expect.unreachable();
  } catch (error) {
    expect(isError(error, "config.invalid") && error.facts.problems).toMatchObject([{ path: "-redeemerCertificate" }]);
  }
});
