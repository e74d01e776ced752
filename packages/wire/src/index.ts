export {
  AUTH_TOKEN_LIFETIME,
  AUTH_TOKEN_MARGIN,
  type AuthToken,
  AuthTokens,
  authTokenMessage,
  authTokenOf,
  decodeAuthToken,
  encodeAuthToken,
} from "./auth-token.ts";
export {
  type Capabilities,
  capabilitiesMessage,
  capabilitiesOf,
  capacitiesOf,
  decodeCapabilities,
  encodeCapabilities,
  type ModelConstraint,
  type ModelConstraints,
  NO_CAPABILITIES,
} from "./capabilities.ts";
export {
  BYOC_CAPABILITY,
  bitsOf,
  type CapabilityBits,
  capabilityNames,
  DEFAULT_CAPABILITIES,
  findCapabilityNumber,
  findPipelineName,
  hasBit,
  isSubset,
  LEGACY_CAPABILITIES,
  numbersOf,
} from "./capability-bits.ts";
export {
  CHARGE_HEADERS,
  type Charge,
  chargeHeaders,
  chargeOf,
  chargeTrailer,
  RIVULET_HEADER,
} from "./charge-headers.ts";
export { WORKER_PROTOCOL, wantsInlineImages } from "./compat/inline-images.ts";
export { legacyPhraseOf, type PeerError, readLegacyPhrase } from "./compat/legacy-phrases.ts";
export { isCompatible } from "./compatibility.ts";
export { type HeaderValue, parseContentType } from "./content-type.ts";
export { readErrorBody } from "./error-body.ts";
export {
  AIWorker as AIWorkerService,
  AuthTokenSchema,
  CapabilitiesSchema,
  EndTranscodingSessionRequestSchema,
  EndTranscodingSessionResponseSchema,
  NotifyAIJobSchema,
  Orchestrator as OrchestratorService,
  OrchestratorInfoSchema,
  OrchestratorRequestSchema,
  PaymentSchema,
  PingPongSchema,
  RegisterAIWorkerRequestSchema,
  SegDataSchema,
  Transcoder as TranscoderService,
} from "./gen/lp_rpc_pb.ts";
export { TicketRedeemer as TicketRedeemerService } from "./gen/redeemer_pb.ts";
export { type Gpu, type Hardware, hardwareMessage, hardwareOf } from "./hardware.ts";
export { networkJson } from "./http-json.ts";
export { MAX_EVENT_LINE } from "./limits.ts";
export {
  encodeFormData,
  encodeMixed,
  type Form,
  type FormFile,
  findBoundary,
  formOf,
  type MultipartBody,
  type Part,
  parseMultipart,
} from "./multipart.ts";
export {
  type CapabilityPrice,
  decodeOrchestratorInfo,
  decodeOrchestratorRequest,
  decodePaymentResult,
  encodeOrchestratorInfo,
  encodeOrchestratorRequest,
  encodePaymentResult,
  type OrchestratorInfo,
  type OrchestratorRequest,
  orchestratorInfoMessage,
  orchestratorInfoOf,
  orchestratorRequestMessage,
  orchestratorRequestOf,
} from "./orchestrator-info.ts";
export {
  decodePayment,
  decodePaymentBytes,
  encodePayment,
  encodePaymentBytes,
  NO_PAYMENT,
  PAYMENT_HEADER,
  type Payment,
  type SignedTicket,
  type TicketBatch,
} from "./payment-header.ts";
export { priceMessage, toldPrice, type WeiPerUnit, weiPerUnitOf } from "./price.ts";
export type { MalformedCode } from "./protobuf.ts";
export {
  batchManifestId,
  type CredentialsCheck,
  decodeSegmentCredentials,
  decodeSegmentCredentialsBytes,
  encodeSegmentCredentials,
  encodeSegmentCredentialsBytes,
  flatten,
  SEGMENT_HEADER,
  type SegmentCredentials,
  signSegmentCredentials,
  type VerifiedCredentials,
  verifySegmentCredentials,
} from "./segment-credentials.ts";
export { parseServerTiming, serverTiming } from "./server-timing.ts";
export { EVENT_STREAM_HEADERS, EventLines, eventOf, isLastChunk, readChunks, readEvents } from "./sse.ts";
export type { TicketExpiration, TicketParams } from "./ticket-params.ts";
export { COMPATIBILITY_VERSION, isVersionAtLeast } from "./version.ts";
export {
  decodeWinningTicket,
  encodeWinningTicket,
  maxFloatMessage,
  maxFloatOf,
  type WinningTicket,
  winningTicketMessage,
  winningTicketOf,
} from "./winning-ticket.ts";
export {
  decodeRegistration,
  decodeWorkerJob,
  decodeWorkerRequest,
  encodeRegistration,
  encodeResult,
  encodeWorkerJob,
  encodeWorkerRequest,
  type IncomingHeaders,
  isSecret,
  RESULT_CONTENT_TYPES,
  RESULTS_PATH,
  type ResultHead,
  type ResultKind,
  readResultHead,
  registrationMessage,
  registrationOf,
  resultHeaders,
  resultOf,
  type WorkerJob,
  type WorkerRegistration,
  type WorkerRequest,
  type WorkerResult,
  workerJobMessage,
  workerJobOf,
} from "./worker-stream.ts";
