import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type ErrorCode, RivuletError } from "@rivulet/primitives";

/** The codes that say "this could not be read", each for what cannot. */
export type MalformedCode = Extract<
  ErrorCode,
  "credentials.malformed" | "payment.malformed" | "peer.protocol" | "request.malformed"
>;

/** Reads a message; whatever is wrong with the bytes is `code`. Unknown fields are skipped, not kept. */
export function readMessage<D extends DescMessage>(schema: D, bytes: Uint8Array, code: MalformedCode): MessageShape<D> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new RivuletError(code, { reason: "not the protobuf message it should be" }, { cause });
  }
}

export function writeMessage<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, init));
}

/** Standard base64 with padding, checked: the platform's own decoder takes anything. */
export function readBase64(text: string, limit: number, code: MalformedCode): Uint8Array {
  if (text.length > limit) throw new RivuletError(code, { reason: `longer than ${limit} characters` });
  if (text.length % 4 !== 0 || !BASE64.test(text)) throw new RivuletError(code, { reason: "not base64" });
  const bytes = Buffer.from(text, "base64");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function writeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
