/**
 * A process that encodes one film: `libav-main.ts WIDTH HEIGHT FRAMES-PER-SECOND FILE`, the frames on standard input as
 * `yuv420` makes them. It is a process of its own because the library is native code, which takes along whatever process it
 * crashes. Standard error tells why it failed.
 */
import { CODEC_MISSING } from "../codec-process.ts";
import { BITS_PER_SECOND } from "./encoder-process.ts";

const [width = 0, height = 0, framesPerSecond = 0] = process.argv.slice(2, 5).map(Number);
const file = process.argv[5] ?? "";

const av = await import("node-av").catch((error: unknown) => {
  process.stderr.write(`node-av cannot be loaded: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(CODEC_MISSING);
});

av.Log.setLevel(av.AV_LOG_QUIET);

const timeBase = new av.Rational(1, framesPerSecond);
// Made the asynchronous way: the other one frees its options twice.
using encoder = await av.Encoder.create(av.FF_ENCODER_LIBX264, {
  options: { preset: "veryfast" },
  context: {
    bitRate: BITS_PER_SECOND,
    maxBFrames: 0,
    timeBase,
    framerate: new av.Rational(framesPerSecond, 1),
    colorRange: av.AVCOL_RANGE_MPEG,
    colorSpace: av.AVCOL_SPC_BT709,
    colorPrimaries: av.AVCOL_PRI_BT709,
    colorTrc: av.AVCOL_TRC_BT709,
  },
});
await using muxer = await av.Muxer.open(file, { format: "mp4", options: { movflags: "+faststart" } });
const stream = muxer.addStream(encoder);

let count = 0n;
for await (const picture of pictures()) {
  using frame = av.Frame.fromVideoBuffer(picture, { width, height, format: av.AV_PIX_FMT_YUV420P, timeBase });
  frame.pts = count++;
  await write(await encoder.encodeAll(frame));
}
await write(await encoder.encodeAll(null));

async function write(packets: readonly import("node-av").Packet[]): Promise<void> {
  for (const packet of packets) {
    packet.duration = 1n;
    await muxer.writePacket(packet, stream);
    packet.free();
  }
}

/** The frames, one by one, of what comes in pieces of any length. */
async function* pictures(): AsyncGenerator<Buffer, void, undefined> {
  const size = (width * height * 3) / 2;
  let [held, length]: [Buffer[], number] = [[], 0];
  for await (const piece of process.stdin) {
    held.push(piece);
    length += piece.length;
    if (length < size) continue;
    const all = Buffer.concat(held);
    let from = 0;
    for (; from + size <= all.length; from += size) yield all.subarray(from, from + size);
    held = [all.subarray(from)];
    length -= from;
  }
  if (length > 0) throw new Error("the last frame is not whole");
}
