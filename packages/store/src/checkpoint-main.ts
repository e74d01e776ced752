import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

/** What a checkpoint is asked for and answers: nothing, or what went wrong. */
export type CheckpointAnswer = { readonly error?: string };

const database = new DatabaseSync(String(workerData));
database.exec("pragma synchronous = normal; pragma wal_autocheckpoint = 0");
const checkpoint = database.prepare("pragma wal_checkpoint(passive)");

parentPort?.on("message", (order: "checkpoint" | "close") => {
  if (order === "close") {
    database.close();
    parentPort?.close();
    return;
  }
  const answer: CheckpointAnswer = attempt();
  parentPort?.postMessage(answer);
});

function attempt(): CheckpointAnswer {
  try {
    checkpoint.get();
    return {};
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
