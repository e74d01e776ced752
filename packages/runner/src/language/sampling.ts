export { likeliest } from "../generation/sampling.ts";
