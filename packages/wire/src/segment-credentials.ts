import { type Address, keccak256, type Signer, type VerifySignature } from "@rivulet/crypto";
import { type Milliseconds, RivuletError } from "@rivulet/primitives";
import { type AuthToken, type AuthTokens, authTokenMessage, authTokenOf } from "./auth-token.ts";
import { type Capabilities, capabilitiesMessage, capabilitiesOf, NO_CAPABILITIES } from "./capabilities.ts";
import { isCompatible } from "./compatibility.ts";
import { type SegData, SegDataSchema, type VideoProfile } from "./gen/lp_rpc_pb.ts";
import { readBase64, readMessage, writeBase64, writeMessage } from "./protobuf.ts";

/** What stands in `Livepeer-Segment`: who asks, for what, and in which session. */
export interface SegmentCredentials {
  /** Names the account that is charged: `27_stabilityai/sd-turbo` for a batch job. */
  readonly manifestId: string;
  readonly sequence: bigint;
  /** Of the segment's bytes; of nothing for AI. */
  readonly hash: Uint8Array;
  /** Names of the renditions asked for; none for AI. */
  readonly profiles: readonly string[];
  readonly signature: Uint8Array;
  readonly capabilities?: Capabilities;
  readonly authToken?: AuthToken;
}

export const SEGMENT_HEADER = "livepeer-segment";

/** Some ten times the header of a gateway that asks for every pipeline. */
const MAX_HEADER_LENGTH = 64 * 1024;
/** Longest duration of a segment. Source: wire-protocol 2.10. */
const MAX_DURATION_MS = 300_000;
/** Renditions of one segment: a transcoding job has about five. */
const MAX_PROFILES = 64;
/** Bytes of a manifest id: it names an account, which is kept. A capability and a model are some fifty. */
const MAX_MANIFEST_ID_BYTES = 1024;
const HASH_LENGTH = 32;
/** Stands where very old orchestrators look for profiles, so that they refuse. */
const NO_PROFILES = Buffer.from("invalid", "ascii");
/** The hash of a segment that has no bytes. */
const EMPTY_HASH = keccak256();

/** The manifest id of a batch job. */
export function batchManifestId(capability: number, model: string): string {
  return `${capability}_${model}`;
}

/** Credentials for one AI job. */
export function signSegmentCredentials(
  claims: { readonly manifestId: string; readonly capabilities: Capabilities; readonly authToken: AuthToken },
  signer: Signer,
): SegmentCredentials {
  const unsigned = { ...claims, sequence: 0n, hash: EMPTY_HASH, profiles: [] };
  return { ...unsigned, signature: signer.sign(flatten(unsigned)) };
}

/** What is signed. Capabilities and token are not. Source: wire-protocol 8.2. */
export function flatten(
  credentials: Pick<SegmentCredentials, "manifestId" | "sequence" | "hash" | "profiles">,
): Uint8Array {
  const { manifestId, sequence, hash, profiles } = credentials;
  const number = Buffer.alloc(32);
  number.writeBigUInt64BE(BigInt.asUintN(64, sequence), 24);
  const names = profiles.map((name) => Buffer.from(keccak256(Buffer.from(name)).subarray(0, 4)).toString("hex"));
  return Buffer.concat([Buffer.from(manifestId), number, fitted(hash), Buffer.from(names.join(""), "ascii")]);
}

/** Reads the header; an empty one holds nothing. Throws "credentials.malformed". */
export function decodeSegmentCredentials(header: string | undefined): SegmentCredentials {
  return decodeSegmentCredentialsBytes(readBase64(header ?? "", MAX_HEADER_LENGTH, "credentials.malformed"));
}

/** Reads what is inside the header. Throws "credentials.malformed". */
export function decodeSegmentCredentialsBytes(bytes: Uint8Array): SegmentCredentials {
  const message = readMessage(SegDataSchema, bytes, "credentials.malformed");
  const { capabilities, authToken } = message;
  if (message.duration < 0 || message.duration > MAX_DURATION_MS) throw malformed("invalid duration");
  if (message.manifestId.length > MAX_MANIFEST_ID_BYTES) throw malformed("a manifest id of more than 1024 bytes");
  return {
    manifestId: utf8(message.manifestId),
    sequence: message.seq,
    hash: fitted(message.hash),
    profiles: profilesOf(message),
    signature: message.sig,
    ...(capabilities === undefined ? {} : { capabilities: capabilitiesOf(capabilities, "credentials.malformed") }),
    ...(authToken === undefined ? {} : { authToken: authTokenOf(authToken) }),
  };
}

/** Writes the header. Credentials with profiles cannot be written: transcoding is not our work. */
export function encodeSegmentCredentials(credentials: SegmentCredentials): string {
  return writeBase64(encodeSegmentCredentialsBytes(credentials));
}

export function encodeSegmentCredentialsBytes(credentials: Omit<SegmentCredentials, "profiles">): Uint8Array {
  const { capabilities, authToken } = credentials;
  return writeMessage(SegDataSchema, {
    manifestId: Buffer.from(credentials.manifestId),
    seq: credentials.sequence,
    hash: credentials.hash,
    profiles: NO_PROFILES,
    sig: credentials.signature,
    ...(capabilities === undefined ? {} : { capabilities: capabilitiesMessage(capabilities) }),
    ...(authToken === undefined ? {} : { authToken: authTokenMessage(authToken) }),
  });
}

/** What an orchestrator holds credentials against. */
export interface CredentialsCheck {
  /** The payment's sender: the zero address when nobody pays. */
  readonly sender: Address;
  /** What this orchestrator can do now. */
  readonly capabilities: Capabilities;
  readonly tokens: AuthTokens;
  readonly verifySignature: VerifySignature;
  readonly now: Milliseconds;
}

/** Credentials that have been checked, with the session they belong to. */
export interface VerifiedCredentials extends SegmentCredentials {
  readonly authToken: AuthToken;
}

/**
 * Checks credentials in the network's order: signature, capabilities, token. Source: wire-protocol 4.4.
 *
 * Throws "credentials.bad-signature", "credentials.incompatible", "credentials.token-missing",
 * "credentials.token-invalid", "credentials.token-expired".
 */
export function verifySegmentCredentials(
  credentials: SegmentCredentials,
  { sender, capabilities, tokens, verifySignature, now }: CredentialsCheck,
): VerifiedCredentials {
  if (!verifySignature(sender, flatten(credentials), credentials.signature)) {
    throw new RivuletError("credentials.bad-signature", {});
  }
  if (!isCompatible(credentials.capabilities ?? NO_CAPABILITIES, capabilities)) {
    throw new RivuletError("credentials.incompatible", {});
  }
  return { ...credentials, authToken: tokens.verify(credentials.authToken, now) };
}

/** The names of the newest list that has any, each profile's kinds being known. */
function profilesOf(message: SegData): readonly string[] {
  const lists = [message.fullProfiles3, message.fullProfiles2, message.fullProfiles];
  const profiles = lists.find((list) => list.length > 0) ?? [];
  if (profiles.length > MAX_PROFILES) throw malformed(`more than ${MAX_PROFILES} profiles`);
  return profiles.map(knownProfileName);
}

function knownProfileName(profile: VideoProfile): string {
  if (!within(profile.format, 1)) throw malformed("unrecognized profile output format");
  if (!within(profile.profile, 4)) throw malformed("unrecognized encoder profile");
  if (!within(profile.encoder, 3)) throw malformed("unrecognized video codec");
  return profile.name;
}

function within(value: number, last: number): boolean {
  return value >= 0 && value <= last;
}

/** A hash always has 32 bytes: the last ones of more, zeros before fewer. */
function fitted(hash: Uint8Array): Uint8Array {
  if (hash.length === HASH_LENGTH) return hash;
  const out = new Uint8Array(HASH_LENGTH);
  const tail = hash.subarray(Math.max(0, hash.length - HASH_LENGTH));
  out.set(tail, HASH_LENGTH - tail.length);
  return out;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new RivuletError("credentials.malformed", { reason: "the manifest id is not text" }, { cause });
  }
}

function malformed(reason: string): RivuletError {
  return new RivuletError("credentials.malformed", { reason });
}
