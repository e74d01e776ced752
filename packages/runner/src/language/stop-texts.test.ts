import fc from "fast-check";
import { expect, test } from "vitest";
import { StopTexts } from "./stop-texts.ts";

const letters = (maxLength: number, minLength = 0) =>
  fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength, maxLength });

test("a text ends before the first that comes, however it is cut into pieces", () => {
  fc.assert(
    fc.property(fc.array(letters(4), { maxLength: 12 }), fc.array(letters(4, 1), { maxLength: 4 }), (pieces, stops) => {
      const until = new StopTexts(stops);
      const told = pieces.map((piece) => until.add(piece)).join("") + until.end();
      const whole = pieces.join("");
      const places = stops.map((stop) => whole.indexOf(stop)).filter((place) => place >= 0);
      expect(until.isFound).toBe(places.length > 0);
      if (places.length === 0) expect(told).toBe(whole);
      else {
        // Of two that overlap, the one that is whole first ends the text.
        const firstWhole = stops.flatMap((stop) => (whole.includes(stop) ? [whole.indexOf(stop) + stop.length] : []));
        expect(whole.startsWith(told)).toBe(true);
        expect(told.length).toBeLessThan(Math.min(...firstWhole));
      }
    }),
  );
});

test("no more is held back than may be the beginning of one", () => {
  const until = new StopTexts(["END", "\n\n"]);
  expect([until.add("one E"), until.add("N"), until.add("d\n"), until.add("x"), until.end()]).toEqual([
    "one ",
    "",
    "ENd",
    "\nx",
    "",
  ]);
  expect([until.add("E"), until.end()]).toEqual(["", "E"]);
});
