import { existsSync, mkdirSync, statSync } from "node:fs";
import { decryptKeystore, listKeystores, newPrivateKey, openKeystore, PrivateKey, writeKeystore } from "@rivulet/chain";
import { type Address, address } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import { machineSurroundings } from "../config/configure.ts";
import type { ChainSettings } from "../config/schema.ts";
import { resolveSecret, Secret, type Surroundings } from "../config/secrets.ts";
import { secureRandomness, systemClock } from "../system.ts";

type KeySettings = Pick<ChainSettings, "keystore" | "account" | "passphrase">;

/** The accounts whose keys are in the keystore, and their files. */
export function accountsOf({ keystore }: Pick<KeySettings, "keystore">): Promise<ReadonlyMap<Address, string>> {
  return listKeystores(keystore);
}

/**
 * The key of a node's account: the file that `chain.keystore` is, or the one in it for `chain.account`, or the only one.
 *
 * Throws "config.invalid" with what to do when there is no such key or no passphrase, and what `openKeystore` throws.
 */
export async function openKey(settings: KeySettings): Promise<PrivateKey> {
  const file = await keyFile(settings);
  if (settings.passphrase === undefined)
    throw problem("-ethPassword", `say the passphrase of ${file}, as file:PATH or env:NAME`);
  const key = await openKeystore(file, settings.passphrase.reveal());
  if (settings.account !== undefined && settings.account !== key.address)
    throw problem("-ethAcctAddr", `${file} holds the key of ${key.address}, not of ${settings.account}`);
  return key;
}

/** The account that `named` names, else the node's own, which can be told without its passphrase. Throws "config.invalid". */
export async function accountOf(settings: KeySettings, named?: string): Promise<Address> {
  if (named !== undefined) {
    if (/^0x[0-9a-f]{40}$/i.test(named)) return address(named);
    throw problem("-of", `"${named}" is not an account: write 0x and 40 hex digits`);
  }
  if (settings.account !== undefined) return settings.account;
  const accounts = await accountsOf(settings);
  const [only] = accounts.keys();
  if (accounts.size === 1 && only !== undefined) return only;
  const known = [...accounts.keys()].join(", ");
  throw accounts.size === 0
    ? problem("-ethKeystorePath", `${settings.keystore} has no account: name one with -of or -ethAcctAddr`)
    : problem("-ethAcctAddr", `say which account: ${known}`);
}

/** An account that was put into the keystore. */
export interface KeptAccount {
  readonly account: Address;
  readonly file: string;
}

/** Makes a new account. Throws "config.invalid" without a passphrase, and what the file system does. */
export function createAccount(settings: KeySettings): Promise<KeptAccount> {
  return keep(settings, newPrivateKey(secureRandomness));
}

/**
 * Puts a key into the keystore: hex digits by reference, or a keystore file and its passphrase by reference. A key that
 * stands on a command line stays in the shell's history, and is refused. Throws "config.invalid" and what `openKeystore` does.
 */
export async function importAccount(
  settings: KeySettings,
  source: string | undefined,
  passphrase: string | undefined,
): Promise<KeptAccount> {
  const here = machineSurroundings(process.cwd());
  if (source === undefined) throw problem("-key", "say where the key is: file:PATH, env:NAME, or a keystore file");
  if (!/^(?:file|env):/.test(source)) {
    if (!existsSync(source)) throw problem("-key", "a key is written as file:PATH or env:NAME, never as itself");
    return keep(settings, await openKeystore(source, secretIn(passphrase, "-keyPassword", here)));
  }
  const text = secretIn(source, "-key", here);
  if (text.startsWith("{"))
    return keep(settings, await decryptKeystore(text, secretIn(passphrase, "-keyPassword", here)));
  return keep(settings, PrivateKey.fromHex(text));
}

async function keep(settings: KeySettings, key: PrivateKey): Promise<KeptAccount> {
  const { keystore, passphrase } = settings;
  if (passphrase === undefined)
    throw problem("-ethPassword", "say the passphrase to keep the key behind, as file:PATH or env:NAME");
  if ((await listKeystores(keystore)).has(key.address))
    throw problem("-ethKeystorePath", `${keystore} has the key of ${key.address} already`);
  mkdirSync(keystore, { recursive: true, mode: 0o700 });
  const file = await writeKeystore(keystore, key, passphrase.reveal(), {
    randomness: secureRandomness,
    clock: systemClock,
  });
  return { account: key.address, file };
}

function secretIn(reference: string | undefined, flag: string, surroundings: Surroundings): string {
  if (reference === undefined) throw problem(flag, "is needed, as file:PATH or env:NAME");
  const found = resolveSecret(reference, surroundings);
  if (found instanceof Secret) return found.reveal();
  throw problem(flag, found.problem);
}

async function keyFile({ keystore, account }: KeySettings): Promise<string> {
  if (!existsSync(keystore))
    throw problem("-ethKeystorePath", `there is no ${keystore}: make an account with rivulet wallet create`);
  if (statSync(keystore).isFile()) return keystore;
  const found = await listKeystores(keystore);
  const [only, ...others] = found.values();
  const file = account === undefined ? (others.length === 0 ? only : undefined) : found.get(account);
  if (file !== undefined) return file;
  const known = found.size === 0 ? "none" : [...found.keys()].join(", ");
  throw account === undefined && found.size > 1
    ? problem("-ethAcctAddr", `say which account: ${known}`)
    : problem("-ethKeystorePath", `${keystore} has no key for ${account ?? "an account"} (it has: ${known})`);
}

function problem(path: string, message: string): RivuletError<"config.invalid"> {
  return new RivuletError("config.invalid", { problems: [{ path, message }] });
}
