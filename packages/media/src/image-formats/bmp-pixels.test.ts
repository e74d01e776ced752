import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, little, zeros } from "../../test/bytes.ts";
import { decodeImage } from "../image.ts";

interface Bitmap {
  readonly bits: number;
  /** Rows from below, each filled up to four bytes. */
  readonly rows: Uint8Array;
  readonly height?: number;
  readonly compression?: number;
  /** Behind the header: masks or colours. */
  readonly table?: Uint8Array;
}

/** A bitmap three pixels wide, two high unless told otherwise. */
function bitmap({ bits, rows, height = 2, compression = 0, table = zeros(0) }: Bitmap): Uint8Array {
  const begin = 54 + table.length;
  const form = concat(little(2, 1), little(2, bits), little(4, compression), zeros(20));
  const header = concat(little(4, 40), little(4, 3), little(4, BigInt(height)), form);
  return concat("BM", little(4, begin + rows.length), zeros(4), little(4, begin), header, table, rows);
}

const [RED, GREEN, BLUE, WHITE] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
];
/** As it is seen, row by row. */
const seen = [RED, GREEN, BLUE, WHITE, RED, GREEN].flat();
const palette = Uint8Array.of(0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0);
const below = (colours: readonly (readonly number[] | undefined)[], filler: readonly number[] = []) =>
  [...colours.map((colour = []) => colour.toReversed().concat(filler)), []].flat();
const plain = Uint8Array.from([...below([WHITE, RED, GREEN]), 0, 0, 0, ...below([RED, GREEN, BLUE]), 0, 0, 0]);

describe("a bitmap", () => {
  test.each<[string, Uint8Array]>([
    ["24 bits", bitmap({ bits: 24, rows: plain })],
    ["32 bits", bitmap({ bits: 32, rows: Uint8Array.from(below([WHITE, RED, GREEN, RED, GREEN, BLUE], [9])) })],
    [
      "32 bits behind masks",
      bitmap({
        bits: 32,
        compression: 3,
        table: concat(little(4, 0xff), little(4, 0xff00), little(4, 0xff0000)),
        rows: Uint8Array.from([WHITE, RED, GREEN, RED, GREEN, BLUE].flatMap((colour = []) => [...colour, 0])),
      }),
    ],
    [
      "16 bits",
      bitmap({
        bits: 16,
        rows: concat(...[0x7fff, 0x7c00, 0x03e0, 0, 0x7c00, 0x03e0, 0x001f, 0].map((value) => little(2, value))),
      }),
    ],
    [
      "16 bits behind masks",
      bitmap({
        bits: 16,
        compression: 3,
        table: concat(little(4, 0xf800), little(4, 0x07e0), little(4, 0x001f)),
        rows: concat(...[0xffff, 0xf800, 0x07e0, 0, 0xf800, 0x07e0, 0x001f, 0].map((value) => little(2, value))),
      }),
    ],
    [
      "256 colours",
      bitmap({ bits: 8, table: concat(palette, zeros(1008)), rows: Uint8Array.of(3, 0, 1, 9, 0, 1, 2, 9) }),
    ],
    [
      "16 colours",
      bitmap({ bits: 4, table: concat(palette, zeros(48)), rows: Uint8Array.of(0x30, 0x19, 0, 0, 0x01, 0x29, 0, 0) }),
    ],
    ["4 colours", bitmap({ bits: 2, table: palette, rows: Uint8Array.of(0b11000100, 0, 0, 0, 0b00011000, 0, 0, 0) })],
  ])("of %s has the colours that were put in", async (_, file) => {
    expect(await decodeImage(file)).toEqual({ width: 3, height: 2, data: Uint8Array.from(seen) });
  });

  test("of two colours is read bit by bit", async () => {
    const table = Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 0);
    const { data } = await decodeImage(bitmap({ bits: 1, height: 1, table, rows: Uint8Array.of(0b01000000, 0, 0, 0) }));
    expect([...data]).toEqual([0, 0, 0, 255, 255, 255, 0, 0, 0]);
  });

  test("whose height is negative begins at its top", async () => {
    const { data } = await decodeImage(bitmap({ bits: 24, height: -2, rows: plain }));
    expect([...data]).toEqual([WHITE, RED, GREEN, RED, GREEN, BLUE].flat());
  });

  test("that was cut is black where it ends", async () => {
    const { data } = await decodeImage(bitmap({ bits: 24, rows: plain.subarray(0, 12) }));
    expect([...data]).toEqual([...new Array(9).fill(0), ...[WHITE, RED, GREEN].flat()]);
  });

  test.each([
    [{ bits: 8, rows: plain, compression: 1 }, "request.media-unsupported"],
    [{ bits: 1, rows: plain, compression: 3 }, "request.media-unsupported"],
    [{ bits: 7, rows: plain }, "request.media-undecodable"],
  ])("%j is refused", async (form, code) => {
    await expect(decodeImage(bitmap(form), { field: "mask" })).rejects.toMatchObject({
      code,
      facts: { field: "mask" },
    });
  });

  test("of any header is read or refused", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { minLength: 1, maxLength: 6 }), async (changes) => {
        const bytes = Uint8Array.from(bitmap({ bits: 8, table: palette, rows: plain }));
        for (const [at, value] of changes) bytes[at] = value;
        await decodeImage(bytes, { maxPixels: 10_000 }).catch((error) => expect(error.facts.field).toBe("image"));
      }),
    );
  });
});
