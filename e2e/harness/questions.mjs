// Loaded before an orchestrator of which a test wants to know how often gateways asked it for a session.
import http2 from "node:http2";
import { syncBuiltinESMExports } from "node:module";

const { createSecureServer } = http2;
http2.createSecureServer = (...all) => {
  const server = createSecureServer(...all);
  server.on("request", ({ url }) => {
    if (url?.endsWith("/GetOrchestrator")) process.stderr.write("asked for a session\n");
  });
  return server;
};
syncBuiltinESMExports();
