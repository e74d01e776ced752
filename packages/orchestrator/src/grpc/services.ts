import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { isError, type Logger } from "@rivulet/primitives";
import {
  AIWorkerService,
  authTokenOf,
  legacyPhraseOf,
  OrchestratorService,
  orchestratorInfoMessage,
  orchestratorRequestOf,
  RIVULET_HEADER,
  registrationOf,
} from "@rivulet/wire";
import { MAX_MESSAGE_BYTES, MAX_QUESTION_BYTES } from "../limits.ts";
import type { WorkerStream } from "../workers/stream.ts";
import type { Discovery } from "./discovery.ts";

export interface GrpcPorts {
  readonly discovery: Discovery;
  /** Absent on an orchestrator without remote workers: then the service is not there, which gRPC says by itself. */
  readonly workers: WorkerStream | undefined;
  /** Of the software: told to workers, by which ours know us. */
  readonly version: string;
  readonly log: Logger;
}

/**
 * The gRPC services of the port, as a handler of HTTP/2 requests. Errors are status 2 with the plain text; what is not ours
 * says nothing, and ends no process. Source: wire-protocol 1.5.
 */
export function grpcHandler({ discovery, workers, version, log }: GrpcPorts) {
  const told = (error: unknown, text?: string): ConnectError => {
    if (!isError(error))
      log.error("control call failed", { reason: error instanceof Error ? error.message : "unknown" });
    return new ConnectError(text ?? legacyPhraseOf(error), Code.Unknown);
  };
  const guarded = async <T>(call: () => T | Promise<T>, text?: string): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw told(error, text ?? reasonOf(error));
    }
  };
  return connectNodeAdapter({
    connect: false,
    // Nobody in the network compresses, and what is not unpacked cannot be a bomb.
    acceptCompression: [],
    grpcWeb: false,
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
    routes(router) {
      router.service(
        OrchestratorService,
        {
          getOrchestrator: (request, { signal }) =>
            guarded(async () =>
              orchestratorInfoMessage(await discovery.answer(orchestratorRequestOf(request), signal)),
            ),
          endTranscodingSession: ({ authToken }) =>
            guarded(() => {
              discovery.endSession(authToken === undefined ? undefined : authTokenOf(authToken));
              return {};
            }, "Invalid auth token"),
          ping: ({ value }) => guarded(() => ({ value: discovery.ping(value) })),
        },
        { readMaxBytes: MAX_QUESTION_BYTES },
      );
      if (workers === undefined) return;
      router.service(AIWorkerService, {
        async *registerAIWorker(request, context: HandlerContext) {
          context.responseHeader.set(RIVULET_HEADER, version);
          try {
            yield* workers.serve(registrationOf(request), context.requestHeader, context.signal);
          } catch (error) {
            throw told(error);
          }
        },
      });
    },
  });
}

/** Refusals of discovery carry the network's own text, and those for money also what exactly is missing. */
function reasonOf(error: unknown): string | undefined {
  if (isError(error, "auth.rejected")) return error.facts.reason;
  const isOfMoney = isError(error) && error.code.startsWith("payment.");
  if (!isOfMoney || !("reason" in error.facts) || error.facts.reason === undefined) return undefined;
  const phrase = legacyPhraseOf(error);
  return phrase === error.facts.reason ? phrase : `${phrase}: ${error.facts.reason}`;
}
