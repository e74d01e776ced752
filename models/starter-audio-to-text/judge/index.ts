export { type ErrorCount, shareWrong, wordErrors } from "./word-error.ts";
