/**
 * Our addition to the worker protocol: a worker says who it is and which tasks it has, so that one that comes back keeps its
 * jobs and is told again of those that were lost on the way. Other implementations pass both headers over.
 */
export const WORKER_ID_HEADER = "x-rivulet-worker";
export const RUNNING_TASKS_HEADER = "x-rivulet-tasks";
