import { deepStrictEqual } from "node:assert/strict";
import { EventLines, readChunks } from "@rivulet/wire";
import { type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "event-stream",
  corpus: [
    utf8('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\ndata: {"choices":[{"finish_reason":"stop"}]}\n\n'),
    utf8(": comment\nevent: x\r\ndata:[DONE]\r\n\r\ndata: 1"),
  ],
  words: ["data: ", "data:", "\n\n", "\r\n", '{"choices":[', '"finish_reason":"', "[DONE]"],
  fuzz: async (bytes) => {
    // Cut where the bytes themselves say, the same lines must come out as in one piece.
    const cut = (bytes[0] ?? 0) % (bytes.length + 1);
    const [one, two] = [new EventLines(), new EventLines()];
    const whole = [...one.push(bytes), ...one.end()];
    deepStrictEqual([...two.push(bytes.subarray(0, cut)), ...two.push(bytes.subarray(cut)), ...two.end()], whole);
    const chunks: string[] = [];
    for await (const chunk of readChunks(piecesOf(bytes, cut))) chunks.push(chunk);
    return { lines: whole.length, chunks: chunks.map((chunk): unknown => JSON.parse(chunk)) };
  },
};

async function* piecesOf(bytes: Uint8Array, cut: number): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, cut);
  yield bytes.subarray(cut);
}
