import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Address, addressBytes, addressFromBytes } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import { type AuthToken, authTokenMessage, authTokenOf } from "./auth-token.ts";
import { type Capabilities, capabilitiesMessage, capabilitiesOf } from "./capabilities.ts";
import {
  type OrchestratorInfo as OrchestratorInfoMessage,
  OrchestratorInfoSchema,
  type OrchestratorRequest as OrchestratorRequestMessage,
  OrchestratorRequestSchema,
  PaymentResultSchema,
} from "./gen/lp_rpc_pb.ts";
import { type Hardware, hardwareMessage, hardwareOf } from "./hardware.ts";
import { priceMessage, type WeiPerUnit, weiPerUnitOf } from "./price.ts";
import { readMessage, writeMessage } from "./protobuf.ts";
import { type TicketParams, ticketParamsMessage, ticketParamsOf } from "./ticket-params.ts";

/** What a gateway asks an orchestrator. */
export interface OrchestratorRequest {
  readonly address: Address;
  /** Over `discoveryText(address)`; empty off-chain. */
  readonly signature: Uint8Array;
  /** What is needed. Absent asks what there is: prices and hardware of everything, which an empty need does not. */
  readonly capabilities?: Capabilities;
  /** Set when an existing session is refreshed. */
  readonly ignoresCapacity: boolean;
}

/** What an orchestrator answers. */
export interface OrchestratorInfo {
  /** Where it takes work. Empty: nowhere, only `nodes` is of use. */
  readonly serviceUri: string;
  /** The zero address off-chain. */
  readonly address: Address;
  /** Absent from peers of before capabilities; ours always tell. */
  readonly capabilities?: Capabilities;
  /** A gateway drops an answer without it. */
  readonly authToken?: AuthToken;
  /** Absent off-chain. */
  readonly price?: WeiPerUnit;
  /** Absent off-chain. */
  readonly ticketParams?: TicketParams;
  /** Only in answers to requests without capabilities. */
  readonly hardware: readonly Hardware[];
  /** Only in answers to requests without capabilities. */
  readonly prices: readonly CapabilityPrice[];
  /** More service URIs of the same operator. */
  readonly nodes: readonly string[];
}

export interface CapabilityPrice {
  readonly capability: number;
  /** The model, or for capability 37 the name of a BYOC capability. */
  readonly constraint: string;
  readonly price: WeiPerUnit;
}

/** Further nodes of one operator: a gateway contacts few of them. */
const MAX_NODES = 1000;
/** As many prices as models. */
const MAX_PRICES = 10_000;

export function orchestratorRequestMessage(
  value: OrchestratorRequest,
): MessageInitShape<typeof OrchestratorRequestSchema> {
  return {
    address: addressBytes(value.address),
    sig: value.signature,
    ignoreCapacityCheck: value.ignoresCapacity,
    ...(value.capabilities === undefined ? {} : { capabilities: capabilitiesMessage(value.capabilities) }),
  };
}

/** The value of a message. Throws "request.malformed". */
export function orchestratorRequestOf(message: OrchestratorRequestMessage): OrchestratorRequest {
  return {
    address: addressFromBytes(message.address),
    signature: message.sig,
    ignoresCapacity: message.ignoreCapacityCheck,
    ...(message.capabilities === undefined
      ? {}
      : { capabilities: capabilitiesOf(message.capabilities, "request.malformed") }),
  };
}

export function encodeOrchestratorRequest(value: OrchestratorRequest): Uint8Array {
  return writeMessage(OrchestratorRequestSchema, orchestratorRequestMessage(value));
}

/** Throws "request.malformed". */
export function decodeOrchestratorRequest(bytes: Uint8Array): OrchestratorRequest {
  return orchestratorRequestOf(readMessage(OrchestratorRequestSchema, bytes, "request.malformed"));
}

export function orchestratorInfoMessage(value: OrchestratorInfo): MessageInitShape<typeof OrchestratorInfoSchema> {
  return {
    transcoder: value.serviceUri,
    address: addressBytes(value.address),
    hardware: value.hardware.map(hardwareMessage),
    capabilitiesPrices: value.prices.map(({ capability, constraint, price }) => ({
      ...priceMessage(price),
      capability,
      constraint,
    })),
    nodes: [...value.nodes],
    ...(value.capabilities === undefined ? {} : { capabilities: capabilitiesMessage(value.capabilities) }),
    ...(value.authToken === undefined ? {} : { authToken: authTokenMessage(value.authToken) }),
    ...(value.price === undefined ? {} : { priceInfo: priceMessage(value.price) }),
    ...(value.ticketParams === undefined ? {} : { ticketParams: ticketParamsMessage(value.ticketParams) }),
  };
}

/** The value of a message. Throws "peer.protocol". External object stores are not used for AI and are not told. */
export function orchestratorInfoOf(message: OrchestratorInfoMessage): OrchestratorInfo {
  if (message.nodes.length > MAX_NODES) throw protocol(`more than ${MAX_NODES} nodes`);
  if (message.capabilitiesPrices.length > MAX_PRICES) throw protocol(`more than ${MAX_PRICES} prices`);
  const { capabilities, authToken, priceInfo, ticketParams } = message;
  return {
    serviceUri: message.transcoder,
    address: addressFromBytes(message.address),
    hardware: hardwareOf(message.hardware, "peer.protocol"),
    prices: message.capabilitiesPrices.map((price) => ({
      capability: price.capability,
      constraint: price.constraint,
      price: weiPerUnitOf(price, "peer.protocol"),
    })),
    nodes: message.nodes,
    ...(capabilities === undefined ? {} : { capabilities: capabilitiesOf(capabilities, "peer.protocol") }),
    ...(authToken === undefined ? {} : { authToken: authTokenOf(authToken) }),
    ...(priceInfo === undefined ? {} : { price: weiPerUnitOf(priceInfo, "peer.protocol") }),
    ...(ticketParams === undefined ? {} : { ticketParams: ticketParamsOf(ticketParams, "peer.protocol") }),
  };
}

export function encodeOrchestratorInfo(value: OrchestratorInfo): Uint8Array {
  return writeMessage(OrchestratorInfoSchema, orchestratorInfoMessage(value));
}

/** Throws "peer.protocol". */
export function decodeOrchestratorInfo(bytes: Uint8Array): OrchestratorInfo {
  return orchestratorInfoOf(readMessage(OrchestratorInfoSchema, bytes, "peer.protocol"));
}

/** What answers a payment without a job: what to pay with next. */
export function encodePaymentResult(info: OrchestratorInfo): Uint8Array {
  return writeMessage(PaymentResultSchema, { info: orchestratorInfoMessage(info) });
}

/** Throws "peer.protocol". */
export function decodePaymentResult(bytes: Uint8Array): OrchestratorInfo {
  const { info } = readMessage(PaymentResultSchema, bytes, "peer.protocol");
  if (info === undefined) throw protocol("a payment result without its information");
  return orchestratorInfoOf(info);
}

function protocol(reason: string): RivuletError {
  return new RivuletError("peer.protocol", { reason });
}
