import { decodeImage, encodePng } from "@rivulet/media";
import { shareWrong, wordErrors } from "@rivulet/starter-audio-to-text/judge";
import { judge } from "@rivulet/starter-text-to-image/judge";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, ask, at } from "./harness/ask.ts";
import { ShownNetwork } from "./harness/shown-network.ts";

/** What one model makes another one reads: application, gateway, orchestrator, runner and back, and each job paid. */
let network: ShownNetwork;
beforeAll(async () => {
  network = await ShownNetwork.open();
  return () => network[Symbol.asyncDispose]();
}, 700_000);

/** One job, which must be answered and paid for. */
async function paid(path: string, body: object): Promise<Answer> {
  const answer = await ask(network, path, body);
  expect([path, answer.status, answer.status === 200 ? "" : answer.body]).toEqual([path, 200, ""]);
  expect(answer.headers.get("x-cost-wei")).toMatch(/^[1-9]\d*(?:\/\d+)?$/);
  return answer;
}

/** The file that an answer names. */
async function fileOf(answer: Answer, ...path: readonly (string | number)[]): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(String(at(answer.body, ...path, "url")), network.address));
  return response.bytes();
}

function form(field: string, file: Uint8Array<ArrayBuffer>, fields: Readonly<Record<string, string>> = {}): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  data.set(field, new Blob([file]), field);
  return data;
}

const draw = async (prompt: string, seed: number) =>
  fileOf(await paid("/text-to-image", { prompt, seed }), "images", 0);

const scenes = [
  { shape: "circle", colour: "red", background: "blue" },
  { shape: "square", colour: "green", background: "white" },
  { shape: "triangle", colour: "yellow", background: "black" },
] as const;

describe.for(scenes)("a large $colour $shape on a $background background", ({ shape, colour, background }) => {
  const prompt = `a large ${colour} ${shape} on a ${background} background`;
  let drawn: Uint8Array<ArrayBuffer>;
  beforeAll(async () => {
    drawn = await draw(prompt, 7);
    expect(await judge(drawn)).toMatchObject({ shape, colour, background });
  });

  test("is drawn, and captioned with the same words", async () => {
    const { body } = await paid("/image-to-text", form("image", drawn));
    expect(at(body, "text")).toContain(`${colour} ${shape}`);
    expect(at(body, "text")).toContain(`on a ${background} background`);
  });

  test("is drawn, and becomes what is asked for in its place", async () => {
    const wanted = `a large white star on a ${background === "white" ? "purple" : background} background`;
    const answer = await paid("/image-to-image", form("image", drawn, { prompt: wanted, seed: "3", strength: "0.7" }));
    expect(await judge(await fileOf(answer, "images", 0))).toMatchObject({ shape: "star", colour: "white" });
  });

  test("is drawn, and has the area of its mask", async () => {
    const { body } = await paid(
      "/segment-anything-2",
      form("image", drawn, {
        point_coords: "[[128, 128]]",
        point_labels: "[1]",
        multimask_output: "false",
        return_logits: "false",
      }),
    );
    const [mask]: readonly (readonly number[][])[] = JSON.parse(String(at(body, "masks")));
    expect(overlap(mask ?? [], await decodeImage(drawn))).toBeGreaterThan(0.85);
  });

  test("is drawn and made four times as large, and is still what it was", async () => {
    const large = await fileOf(await paid("/upscale", form("image", drawn, { prompt })), "images", 0);
    const picture = await decodeImage(large);
    expect([picture.width, picture.height]).toEqual([1024, 1024]);
    expect(await judge(await encodePng(quarter(picture)))).toMatchObject({ shape, colour, background });
  });
});

/** Of their vocabulary, as the starter models of speech know no other. */
const SENTENCES = [
  "the gateway sends a picture",
  "a red circle on a blue background",
  "the orchestrator has two tickets",
  "hello this is rivulet",
  "a large green square on a white background",
];

test("what is said is written down with the same words, four in five of them at least", async () => {
  const counts = [];
  for (const text of SENTENCES) {
    const speech = await fileOf(await paid("/text-to-speech", { text }), "audio");
    const { body } = await paid("/audio-to-text", form("audio", speech));
    counts.push(wordErrors(text, String(at(body, "text"))));
  }
  expect(shareWrong(counts)).toBeLessThanOrEqual(0.2);
});

interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What a mask shares with the pixels that have the colour of the picture's middle, of both together. */
function overlap(mask: readonly (readonly number[])[], { width, height, data }: Pixels): number {
  const colourAt = (x: number, y: number) => [0, 1, 2].map((c) => data[3 * (y * width + x) + c] ?? 0);
  const middle = colourAt(width / 2, height / 2);
  let [both, either] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const isThing = Math.max(...colourAt(x, y).map((level, c) => Math.abs(level - (middle[c] ?? 0)))) < 60;
      const isMasked = Number(mask[y]?.[x]) > 0;
      if (isThing && isMasked) both++;
      if (isThing || isMasked) either++;
    }
  }
  return both / either;
}

/** Every fourth pixel of every fourth row. */
function quarter({ width, height, data }: Pixels): Pixels {
  const [w, h] = [Math.floor(width / 4), Math.floor(height / 4)];
  const small = new Uint8Array(3 * w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const source = 3 * ((4 * y + 1) * width + 4 * x + 1);
      small.set(data.subarray(source, source + 3), 3 * (y * w + x));
    }
  return { width: w, height: h, data: small };
}
