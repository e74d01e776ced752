import { describe, expect, test } from "vitest";
import { encodeFormData, encodeMixed, findBoundary, formOf, parseMultipart } from "./multipart.ts";

const lines = (...texts: string[]) => Buffer.from(texts.join("\r\n"), "latin1");
const malformed = expect.objectContaining({ code: "request.malformed" });
const named = (name: string) => `Content-Disposition: form-data; name="${name}"`;

describe("a form", () => {
  test("is written with its files first, and every file with a name", () => {
    const { contentType, body } = encodeFormData(
      [["image", { bytes: Buffer.from("PNG"), filename: "" }]],
      [
        ["prompt", "a cat"],
        ["strength", "0.800000"],
      ],
      "b",
    );
    expect(contentType).toBe("multipart/form-data; boundary=b");
    expect(Buffer.from(body).toString()).toBe(
      [
        "--b",
        'Content-Disposition: form-data; name="image"; filename="image"',
        "Content-Type: application/octet-stream",
        "",
        "PNG",
        "--b",
        'Content-Disposition: form-data; name="prompt"',
        "",
        "a cat",
        "--b",
        'Content-Disposition: form-data; name="strength"',
        "",
        "0.800000",
        "--b--",
        "",
      ].join("\r\n"),
    );
  });

  test("keeps its names whatever stands in them", () => {
    const { body } = encodeFormData(
      [['a"; name="b', { bytes: new Uint8Array(), filename: '\\"\r\n' }]],
      [["c\r\nX: y", "z"]],
      "b",
    );
    const { fields, files } = formOf(parseMultipart(body, "b"));
    expect([...files.keys()]).toEqual(['a"; name="b']);
    expect([...fields.keys()]).toEqual(["c%0D%0AX: y"]);
  });

  test("is read in any order, with a preamble, an epilogue and blanks after its delimiters", () => {
    const body = lines(
      "for people",
      "--b \t",
      named("prompt"),
      "",
      "a cat",
      "--b",
      `${named("image")}; filename=x.png`,
      "",
      "PNG",
      "--b--",
      "more",
    );
    const { fields, files } = formOf(parseMultipart(body, "b"));
    expect(fields).toEqual(new Map([["prompt", "a cat"]]));
    expect(files.get("image")).toMatchObject({ filename: "x.png", contentType: "application/octet-stream" });
  });

  test("takes a part without a file name for a text", () => {
    const body = lines("--b", `${named("image")}; filename=""`, "", "PNG", "--b--");
    expect(formOf(parseMultipart(body, "b")).fields.get("image")).toBe("PNG");
  });

  test("has content that looks like a delimiter and is none", () => {
    const content = "--b\r\n--bb\r\n--b-\r\n--b -";
    const body = lines("--b", named("x"), "", `\n${content}`, "--b--");
    expect(formOf(parseMultipart(body, "b")).fields.get("x")).toBe(`\n${content}`);
  });

  test("has empty parts, with and without a line break of their own", () => {
    expect(parseMultipart(lines("--b", named("x"), "", "--b", named("y"), "", "", "--b--"), "b")).toMatchObject([
      { name: "x", bytes: Buffer.from("") },
      { name: "y", bytes: Buffer.from("") },
    ]);
    expect(parseMultipart(Buffer.from("--b--"), "b")).toEqual([]);
  });

  test.each([
    ["no delimiter", "nothing"],
    ["no end", lines("--b", named("x"), "", "y")],
    ["an end in the middle of the last delimiter", lines("--b", named("x"), "", "y", "--b-")],
    ["headers without end", lines("--b", named("x"))],
    ["headers longer than any", lines("--b", `X: ${"y".repeat(20_000)}`, "", "z", "--b--")],
    ["a header without a name", lines("--b", ": x", "", "y", "--b--")],
    ["a header twice", lines("--b", named("x"), named("z"), "", "y", "--b--")],
    ["a disposition that is none", lines("--b", 'Content-Disposition: form-data; name="x', "", "y", "--b--")],
    ["a name twice in one disposition", lines("--b", `${named("x")}; name=z`, "", "y", "--b--")],
    ["parts without end", lines(...Array(200).fill("--b\r\n"), "--b--")],
    ["another boundary", lines("--c", named("x"), "", "y", "--c--")],
  ])("is refused with %s", (_name, body) => {
    expect(() => parseMultipart(Buffer.from(body), "b")).toThrow(malformed);
  });

  test.each([
    ["a part without a name", lines("--b", "", "y", "--b--")],
    ["two texts of one name", lines("--b", named("x"), "", "1", "--b", named("x"), "", "2", "--b--")],
    [
      "a text and a file of one name",
      lines("--b", named("x"), "", "1", "--b", `${named("x")}; filename=f`, "", "2", "--b--"),
    ],
  ])("is refused with %s", (_name, body) => {
    const parts = parseMultipart(body, "b");
    expect(() => formOf(parts)).toThrow(malformed);
  });

  test("of many megabytes of almost-delimiters takes no longer than of anything else", () => {
    const body = lines("--b", named("x"), "", "\r\n--bb".repeat(2_000_000), "--b--");
    expect(parseMultipart(body, "b")).toHaveLength(1);
  });
});

describe("a result's body", () => {
  test("is written as the network reads it: plain names, exact types, the JSON last", () => {
    const { contentType, body } = encodeMixed(
      [["1f2e3d4c.png", { bytes: Buffer.from("PNG"), contentType: "image/png" }]],
      '{"images":[{"url":"1f2e3d4c.png"}]}',
      "b",
    );
    expect(contentType).toBe("multipart/mixed; boundary=b");
    expect(Buffer.from(body).toString()).toBe(
      [
        "--b",
        "Content-Type: image/png",
        "Content-Length: 3",
        "Content-Disposition: attachment; filename=1f2e3d4c.png",
        "",
        "PNG",
        "--b",
        "Content-Type: application/json",
        "Content-Length: 35",
        "",
        '{"images":[{"url":"1f2e3d4c.png"}]}',
        "--b--",
        "",
      ].join("\r\n"),
    );
  });
});

describe("a boundary", () => {
  test("is found in a content type of its kind", () => {
    expect(findBoundary('Multipart/Form-Data; charset=x; Boundary="a b\\"c"', "form-data")).toBe('a b"c');
    expect(findBoundary("multipart/mixed; boundary=b", "form-data")).toBeUndefined();
    expect(findBoundary("multipart/mixed; boundary=", "mixed")).toBeUndefined();
    expect(findBoundary(`multipart/mixed; boundary=${"b".repeat(71)}`, "mixed")).toBeUndefined();
    expect(findBoundary("multipart/mixed; boundary=a; boundary=b", "mixed")).toBeUndefined();
    expect(findBoundary(undefined, "mixed")).toBeUndefined();
  });

  test("is another for every body", () => {
    expect(encodeMixed([], "{}").contentType).not.toBe(encodeMixed([], "{}").contentType);
  });
});
