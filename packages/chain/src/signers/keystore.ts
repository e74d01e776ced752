import {
  createCipheriv,
  createDecipheriv,
  pbkdf2,
  randomUUID,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from "node:crypto";
import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Address, address, keccak256 } from "@rivulet/crypto";
import { type Clock, type Randomness, RivuletError } from "@rivulet/primitives";
import { MAX_KEYSTORE_BYTES, MAX_PBKDF2_ROUNDS, MAX_SCRYPT_BYTES } from "../limits.ts";
import { PrivateKey } from "./private-key.ts";

/** How hard the passphrase is made to guess: `n` is scrypt's cost, a power of two. */
export interface KeystoreCost {
  readonly n: number;
  readonly p: number;
}

/** The cost that wallets use: a quarter of a gigabyte and about a second a guess. */
export const KEYSTORE_COST: KeystoreCost = { n: 262_144, p: 1 };

const SCRYPT_BLOCK = 8;
const KEY_LENGTH = 32;
const CIPHER = "aes-128-ctr";
/** Owner reads and writes, nobody else does anything. */
const FILE_MODE = 0o600;

/** What a keystore file says, before anybody gave a passphrase. */
export interface Keystore {
  readonly address: Address | undefined;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly mac: Buffer;
  /** The key that the passphrase stands for; a second of work. */
  derive(passphrase: string): Promise<Buffer>;
}

/** The keystore files of a directory, by the account each one says it is for. Other files are left out. */
export async function listKeystores(directory: string): Promise<ReadonlyMap<Address, string>> {
  const names = await readdir(directory).catch(() => []);
  const found = new Map<Address, string>();
  for (const name of names.sort()) {
    const path = join(directory, name);
    try {
      const { address: owner } = parseKeystore(await readKeystoreFile(path));
      if (owner !== undefined) found.set(owner, path);
    } catch {
      // Whatever else lies in the directory is not ours to judge.
    }
  }
  return found;
}

/**
 * Opens a keystore file of Web3's version 3. Throws "chain.keystore-passphrase" when the passphrase is wrong, and
 * "chain.keystore-invalid" when the file cannot be read or is none.
 */
export async function openKeystore(path: string, passphrase: string): Promise<PrivateKey> {
  return await decryptKeystore(await readKeystoreFile(path), passphrase);
}

/** As `openKeystore`, from the file's text. */
export async function decryptKeystore(text: string, passphrase: string): Promise<PrivateKey> {
  const keystore = parseKeystore(text);
  const derived = await keystore.derive(passphrase);
  const mac = keccak256(derived.subarray(16, 32), keystore.ciphertext);
  if (keystore.mac.length !== mac.length || !timingSafeEqual(mac, keystore.mac)) {
    throw new RivuletError("chain.keystore-passphrase", {});
  }
  const decipher = createDecipheriv(CIPHER, derived.subarray(0, 16), keystore.iv);
  const key = PrivateKey.fromBytes(Buffer.concat([decipher.update(keystore.ciphertext), decipher.final()]));
  if (keystore.address !== undefined && keystore.address !== key.address) {
    throw invalid(`it says it is for ${keystore.address} and holds the key of ${key.address}`);
  }
  return key;
}

/** A key as the text of a keystore file. */
export async function encryptKeystore(
  key: PrivateKey,
  passphrase: string,
  ports: { readonly randomness: Randomness },
  cost: KeystoreCost = KEYSTORE_COST,
): Promise<string> {
  const salt = Buffer.from(ports.randomness.bytes(32));
  const iv = Buffer.from(ports.randomness.bytes(16));
  const kdfparams = { dklen: KEY_LENGTH, n: cost.n, p: cost.p, r: SCRYPT_BLOCK, salt: salt.toString("hex") };
  const derived = await scryptKey(passphrase, salt, cost.n, SCRYPT_BLOCK, cost.p);
  const cipher = createCipheriv(CIPHER, derived.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(key.bytes()), cipher.final()]);
  const mac = Buffer.from(keccak256(derived.subarray(16, 32), ciphertext));
  return JSON.stringify({
    address: key.address.slice(2),
    crypto: {
      cipher: CIPHER,
      ciphertext: ciphertext.toString("hex"),
      cipherparams: { iv: iv.toString("hex") },
      kdf: "scrypt",
      kdfparams,
      mac: mac.toString("hex"),
    },
    id: randomUUID(),
    version: 3,
  });
}

/**
 * Writes a key to a new file of `directory`, readable by its owner alone, under the name that wallets give it. Returns its
 * path. Throws what the file system does.
 */
export async function writeKeystore(
  directory: string,
  key: PrivateKey,
  passphrase: string,
  ports: { readonly randomness: Randomness; readonly clock: Clock },
  cost: KeystoreCost = KEYSTORE_COST,
): Promise<string> {
  const text = await encryptKeystore(key, passphrase, ports, cost);
  const time = new Date(ports.clock.now()).toISOString().replaceAll(":", "-");
  const path = join(directory, `UTC--${time}--${key.address.slice(2)}`);
  const file = await open(path, "wx", FILE_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}

/** A new account. */
export function newPrivateKey(randomness: Randomness): PrivateKey {
  return PrivateKey.fromBytes(randomness.bytes(KEY_LENGTH));
}

async function readKeystoreFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause) => {
    throw new RivuletError("chain.keystore-invalid", { reason: `${path} cannot be read` }, { cause });
  });
  if (bytes.length > MAX_KEYSTORE_BYTES) throw invalid(`${path} is too large for one`);
  return bytes.toString("utf8");
}

/** Reads the text of a keystore file. Throws "chain.keystore-invalid". */
export function parseKeystore(text: string): Keystore {
  const file = object(parseJson(text), "the file");
  if (file["version"] !== 3) throw invalid("its version is not 3");
  const crypto = object(file["crypto"] ?? file["Crypto"], "crypto");
  if (crypto["cipher"] !== CIPHER) throw invalid(`its cipher is not ${CIPHER}`);
  const owner = file["address"];
  return {
    address: typeof owner === "string" ? ownerOf(owner) : undefined,
    iv: hex(object(crypto["cipherparams"], "cipherparams")["iv"], "iv", 16),
    ciphertext: hex(crypto["ciphertext"], "ciphertext", KEY_LENGTH),
    mac: hex(crypto["mac"], "mac", 32),
    derive: derivation(crypto["kdf"], object(crypto["kdfparams"], "kdfparams")),
  };
}

function derivation(kdf: unknown, params: Readonly<Record<string, unknown>>): Keystore["derive"] {
  const salt = hex(params["salt"], "salt");
  if (params["dklen"] !== KEY_LENGTH) throw invalid(`dklen is not ${KEY_LENGTH}`);
  if (kdf === "scrypt") {
    const [n, r, p] = [natural(params["n"], "n"), natural(params["r"], "r"), natural(params["p"], "p")];
    if (128 * n * r * p > MAX_SCRYPT_BYTES) throw invalid("its cost is beyond reason");
    return (passphrase) => scryptKey(passphrase, salt, n, r, p);
  }
  if (kdf === "pbkdf2") {
    const rounds = natural(params["c"], "c");
    if (params["prf"] !== "hmac-sha256") throw invalid("its prf is not hmac-sha256");
    if (rounds > MAX_PBKDF2_ROUNDS) throw invalid("its cost is beyond reason");
    return (passphrase) => promisify(pbkdf2)(passphrase, salt, rounds, KEY_LENGTH, "sha256");
  }
  throw invalid("its kdf is neither scrypt nor pbkdf2");
}

async function scryptKey(passphrase: string, salt: Buffer, n: number, r: number, p: number): Promise<Buffer> {
  // Node.js refuses to use more than it is allowed, and counts a little more than the formula.
  const options = { N: n, r, p, maxmem: 128 * n * r * p + 1024 * 1024 * 32 };
  try {
    return await promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)(
      passphrase,
      salt,
      KEY_LENGTH,
      options,
    );
  } catch (cause) {
    throw new RivuletError("chain.keystore-invalid", { reason: `scrypt takes no n ${n}, r ${r}, p ${p}` }, { cause });
  }
}

function ownerOf(text: string): Address {
  const digits = text.replace(/^0x/i, "");
  if (!/^[0-9a-f]{40}$/i.test(digits)) throw invalid("its address is none");
  return address(`0x${digits}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("it is not JSON");
  }
}

function object(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${name} is not an object`);
  return value as Record<string, unknown>;
}

function natural(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) throw invalid(`${name} is not a number`);
  return value;
}

function hex(value: unknown, name: string, length?: number): Buffer {
  if (typeof value !== "string" || !/^([0-9a-f]{2})*$/i.test(value)) throw invalid(`${name} is not hex`);
  if (length !== undefined && value.length !== 2 * length) throw invalid(`${name} does not have ${length} bytes`);
  return Buffer.from(value, "hex");
}

function invalid(reason: string): RivuletError<"chain.keystore-invalid"> {
  return new RivuletError("chain.keystore-invalid", { reason });
}
