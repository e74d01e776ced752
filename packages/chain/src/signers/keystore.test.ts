import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { address } from "@rivulet/crypto";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { parseTransaction, recoverTransactionAddress, type TransactionSerialized } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decryptKeystore, listKeystores, newPrivateKey, openKeystore, writeKeystore } from "./keystore.ts";
import { memoryAccount } from "./memory.ts";
import { PrivateKey } from "./private-key.ts";
import { remoteAccount } from "./remote.ts";

const SECRET = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
/** The example of the definition of version 3. Its passphrase is `testpassword`. */
const OWNER = address("0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b");
const PBKDF2 = {
  crypto: {
    cipher: "aes-128-ctr",
    cipherparams: { iv: "6087dab2f9fdbbfaddc31a909735c1e6" },
    ciphertext: "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
    kdf: "pbkdf2",
    kdfparams: {
      c: 262144,
      dklen: 32,
      prf: "hmac-sha256",
      salt: "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
    },
    mac: "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
  },
  id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  version: 3,
};
/** The same key and passphrase at the cost of light wallets, made with another implementation of scrypt. */
const SCRYPT = {
  crypto: {
    cipher: "aes-128-ctr",
    cipherparams: { iv: "83dbcc02d8ccb40e466191a123791e0e" },
    ciphertext: "584f4eb2783472ec149b334c22d77ddbf118a0783ea24e66ca8a7883cd2b4bf5",
    kdf: "scrypt",
    kdfparams: {
      dklen: 32,
      n: 4096,
      p: 6,
      r: 8,
      salt: "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
    },
    mac: "860ad3ce9642f99d709abc696e25ede7cd35daf6a6041e975d14c53dae118886",
  },
  id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  version: 3,
};
/** As cheap as it gets. */
const CHEAP = { n: 2, p: 1 };

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "keystore-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

describe("keystore files", () => {
  test("files of other wallets open, with pbkdf2 and with scrypt", async () => {
    for (const example of [PBKDF2, SCRYPT]) {
      const key = await decryptKeystore(JSON.stringify(example), "testpassword");
      expect(key.address).toBe(OWNER);
      expect(Buffer.from(key.bytes()).toString("hex")).toBe(SECRET);
    }
  });

  test("a wrong passphrase is told as such", async () => {
    const opened = decryptKeystore(JSON.stringify(PBKDF2), "testpasswort");
    await expect(opened).rejects.toMatchObject({ code: "chain.keystore-passphrase" });
  });

  test("what is no keystore is told as such, with the reason", async () => {
    const { crypto } = SCRYPT;
    const costly = { ...crypto, kdfparams: { ...crypto.kdfparams, n: 2 ** 30 } };
    const odd = { ...crypto, kdfparams: { ...crypto.kdfparams, n: 4095 } };
    for (const [file, reason] of [
      ["{", "not JSON"],
      ["[]", "not an object"],
      [JSON.stringify({ ...SCRYPT, version: 1 }), "version"],
      [JSON.stringify({ ...SCRYPT, crypto: { ...crypto, cipher: "rot13" } }), "cipher"],
      [JSON.stringify({ ...SCRYPT, crypto: { ...crypto, mac: "beef" } }), "mac"],
      [JSON.stringify({ ...SCRYPT, crypto: { ...crypto, kdf: "md5" } }), "kdf"],
      [JSON.stringify({ ...SCRYPT, crypto: costly }), "cost"],
      [JSON.stringify({ ...SCRYPT, crypto: odd }), "scrypt"],
    ] as const) {
      const thrown: unknown = await decryptKeystore(file, "testpassword").catch((error: unknown) => error);
      expect(thrown).toMatchObject({ code: "chain.keystore-invalid" });
      expect(String(thrown)).toContain(reason);
    }
  });

  test("a file that says it is for another account is refused", async () => {
    const file = JSON.stringify({ ...PBKDF2, address: "ff".repeat(20) });
    await expect(decryptKeystore(file, "testpassword")).rejects.toMatchObject({ code: "chain.keystore-invalid" });
  });

  test("a written file is for its owner's eyes, bears the name of wallets, and opens again", async () => {
    const ports = { randomness: seededRandomness(1), clock: new TestClock() };
    const key = newPrivateKey(ports.randomness);
    const path = await writeKeystore(directory, key, "swordfish", ports, CHEAP);
    expect(path).toContain(`/UTC--2023-11-14T22-13-20.000Z--${key.address.slice(2)}`);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await openKeystore(path, "swordfish")).bytes()).toEqual(key.bytes());
    expect(await readFile(path, "utf8")).not.toContain(Buffer.from(key.bytes()).toString("hex"));
    await expect(writeKeystore(directory, key, "swordfish", ports, CHEAP)).rejects.toMatchObject({ code: "EEXIST" });
    await writeFile(join(directory, "notes.txt"), "not a keystore");
    expect(await listKeystores(directory)).toEqual(new Map([[key.address, path]]));
    expect(await readdir(directory)).toHaveLength(2);
  });

  test("a directory that is not there has no files, and a file that is not there cannot be read", async () => {
    expect(await listKeystores(join(directory, "nowhere"))).toEqual(new Map());
    const opened = openKeystore(join(directory, "nothing"), "");
    await expect(opened).rejects.toMatchObject({ code: "chain.keystore-invalid" });
  });
});

describe("private keys", () => {
  test("a key shows itself to nobody", () => {
    const key = PrivateKey.fromHex(`0x${SECRET}`);
    const shown = [String(key), JSON.stringify({ key }), inspect(key, { showHidden: true, depth: 9 }), `${key}`];
    for (const text of shown) expect(text).not.toMatch(/7a28b5|122, ?40/);
  });

  test("what is no key is refused without being repeated", () => {
    for (const text of ["", "0x12", `${SECRET}00`, "zz".repeat(32), "00".repeat(32), "ff".repeat(32)]) {
      const make = () => PrivateKey.fromHex(text);
      expect(make).toThrow(expect.objectContaining({ code: "config.invalid" }));
      if (text !== "") expect(make).not.toThrow(expect.objectContaining({ message: expect.stringContaining(text) }));
    }
  });

  test("an account in memory signs transactions that are its own", async () => {
    const account = memoryAccount(PrivateKey.fromHex(SECRET));
    const unsigned = {
      chainId: 42161,
      nonce: 7,
      to: OWNER,
      data: "0x1234",
      value: 5n,
      gas: 21_000n,
      maxFeePerGas: 200n,
      maxPriorityFeePerGas: 1n,
    } as const;
    const raw = await account.signTransaction(unsigned);
    expect(parseTransaction(raw)).toMatchObject(unsigned);
    const serializedTransaction = raw as TransactionSerialized;
    expect(address(await recoverTransactionAddress({ serializedTransaction }))).toBe(OWNER);
    expect(inspect(account, { showHidden: true, depth: 9 })).not.toContain(SECRET.slice(0, 8));
  });

  test("a remote account says where transactions are sent", async () => {
    const account = remoteAccount(OWNER);
    const unsigned = { chainId: 1, nonce: 0, to: OWNER, data: "0x", value: 0n, gas: 0n } as const;
    const signed = account.signTransaction({ ...unsigned, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n });
    await expect(signed).rejects.toMatchObject({ code: "chain.cannot-sign" });
  });
});
