import { decodeWorkerJob, decodeWorkerRequest, encodeWorkerJob } from "@rivulet/wire";
import vectors from "../../vectors/wire/v23-worker-messages.json" with { type: "json" };
import { fixpoint } from "../fixpoint.ts";
import { hex, type Target } from "../target.ts";

const read = fixpoint(decodeWorkerJob, encodeWorkerJob);

export const target: Target = {
  name: "worker-job",
  corpus: vectors.cases.filter(({ input }) => "taskId" in input).map(({ expected }) => hex(expected)),
  words: ['"input_url"', '"request"', "null", '"image"', "{}"],
  fuzz: (bytes) => {
    const job = read(bytes);
    return { job, request: decodeWorkerRequest(job.requestData) };
  },
};
