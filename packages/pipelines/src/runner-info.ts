import { z } from "zod";

/** What a runner tells about itself, beside its pipelines. Fields that peers do not know are extensions. */

/** Answer to `GET /health`. Source: runner-and-models 2.1. */
export const runnerHealth = z
  .object({ status: z.enum(["LOADING", "OK", "ERROR", "IDLE"]) })
  .meta({ id: "HealthCheck", description: "Whether the runner can take work." });

const gpu = z.object({
  id: z.string().describe("The device's own name, such as GPU-…."),
  name: z.string(),
  memory_total: z.int().describe("Bytes."),
  memory_free: z.int().describe("Bytes."),
});

const gpuComputeInfo = gpu
  .extend({ major: z.int().describe("Compute capability."), minor: z.int() })
  .meta({ id: "GPUComputeInfo", description: "A device." });

const gpuUtilization = gpu
  .extend({ utilization_compute: z.int().describe("Percent."), utilization_memory: z.int().describe("Percent.") })
  .meta({ id: "GPUUtilizationInfo", description: "A device and how busy it is." });

const served = z.object({ pipeline: z.string(), model_id: z.string() });

/** Answer to `GET /hardware/info`; devices by index. Source: runner-and-models 2.2. */
export const hardwareInfo = served
  .extend({ gpu_info: z.record(z.string(), gpuComputeInfo) })
  .meta({ id: "HardwareInformation", description: "The devices of the runner." });

/** Answer to `GET /hardware/stats`; devices by index. Source: runner-and-models 2.2. */
export const hardwareStats = served
  .extend({ gpu_stats: z.record(z.string(), gpuUtilization) })
  .meta({ id: "HardwareStats", description: "How busy the devices are." });

/** Answer to `GET /version`. Source: runner-and-models 2.3. */
export const runnerVersion = served
  .extend({ version: z.string().describe("Semantic version, for comparison with what peers require.") })
  .meta({ id: "Version", description: "The version of the runner." });

/**
 * The version peers compare with the minimum they ask of a runner: the published runner whose interface this is.
 * Source: runner-and-models 2.3.
 */
export const RUNNER_COMPATIBILITY_VERSION = "0.14.1";
