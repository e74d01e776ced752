import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonBody } from "./json-body.ts";

const long = (text = "0.5,") => text.repeat(20_000);
const textOf = (body: string | Uint8Array) => (typeof body === "string" ? body : new TextDecoder().decode(body));

describe("JSON to be sent", () => {
  test("is text when nothing in it is long", () => {
    expect(jsonBody({ text: "é", list: [1, null] }, { end: "\n" })).toBe('{"text":"é","list":[1,null]}\n');
  });

  test("is bytes when something is", () => {
    expect(jsonBody([long()])).toBeInstanceOf(Uint8Array);
  });

  test("is what everybody writes, whatever is in it", () => {
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("0.5,", '"', "\\", "\n", "é", "\u2028", "\ud800", "\u007f", "<").map(long),
    );
    const value = fc.letrec<{ any: unknown }>((tie) => ({
      any: fc.oneof(
        { depthSize: "small" },
        text,
        fc.constantFrom(1.5, null, true, undefined),
        fc.array(tie("any"), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constant('"é')), tie("any"), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, (any) => {
        const object = { any };
        expect(textOf(jsonBody(object, { end: "…" }))).toBe(`${JSON.stringify(object)}…`);
      }),
    );
  });

  test("is written as its writer wants, but for long texts with nothing odd in them", () => {
    const write = (value: unknown) => JSON.stringify(value).replaceAll("<", "\\u003c");
    const value = { "<": ["<", long(), long("<")] };
    expect(textOf(jsonBody(value, { write }))).toBe(write(value));
  });
});
