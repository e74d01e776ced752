export { blamedField } from "./blamed-field.ts";
export { type CheapChanges, cheapBody, cheapFields, cheapFiles, cheapMedia, fileOf } from "./cheap-request.ts";
export { TestClock, turn } from "./clock.ts";
export { type ExecutorUnderTest, executorContract } from "./contracts/executor.ts";
export { type OrchestratorCacheUnderTest, orchestratorCacheContract } from "./contracts/orchestrator-cache.ts";
export { type PaymentStoreUnderTest, paymentStoreContract } from "./contracts/payment-store.ts";
export { type SettingsUnderTest, settingsContract } from "./contracts/settings.ts";
export { type EndpointAnswer, type EndpointCall, type EndpointReply, FakeEndpoint } from "./fake-endpoint.ts";
export {
  answersInWords,
  FakeLanguageServer,
  type FakeLanguageServerOptions,
  type LanguageAnswer,
  type LanguageBehaviour,
  type LanguageQuestion,
  type LanguageRefusal,
  type LanguageServerKind,
} from "./fake-language-server.ts";
export { type FakeJob, type FakeModel, FakeOrchestrator, type FakeOrchestratorOptions } from "./fake-orchestrator.ts";
export { FakeTill, type FakeTillOptions, type FakeTillPorts } from "./fake-orchestrator-till.ts";
export {
  answersRubbish,
  answersWell,
  crashes,
  FakeRunner,
  type FakeRunnerAnswer,
  type FakeRunnerBehaviour,
  type FakeRunnerJob,
  type FakeRunnerModel,
  Gate,
  hangs,
  refuses,
  tells,
} from "./fake-runner.ts";
export { type EndpointFault, endpointFaults, FaultyEndpoint } from "./faulty-endpoint.ts";
export { MemoryChain, type MemoryChainOptions, type MemoryRedemption } from "./memory-chain.ts";
export { canLimitMemory, type LimitedMemory, limitMemory } from "./memory-limit.ts";
export {
  type OlderAnswer,
  OlderGateway,
  type OlderGatewayPorts,
  type OlderJob,
  type OlderOutcome,
  wanting,
} from "./older-gateway.ts";
export {
  type OnnxAttribute,
  type OnnxConstant,
  type OnnxElementType,
  type OnnxGraph,
  type OnnxNode,
  type OnnxPort,
  onnxFloats,
  onnxInts,
  onnxModel,
} from "./onnx-writer.ts";
export { seededRandomness } from "./seed.ts";
export { tinyModel } from "./tiny-models.ts";
export { tlsIdentityForTests } from "./tls-identity.ts";
export { readVectors, testVectors, type VectorCase, type VectorFile, type VectorRun } from "./vectors.ts";
