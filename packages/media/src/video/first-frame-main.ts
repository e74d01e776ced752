/**
 * A process that decodes the first frame of one film, `WIDTH HEIGHT MOST-PIXELS`: an MP4 file on standard input, its pixels
 * as red, green and blue on standard output. It is a process of its own because the library is native code that reads
 * strangers' files. Standard error tells why it failed, as it does where the frame is of another size.
 */
import { buffer } from "node:stream/consumers";
import { CODEC_MISSING } from "../codec-process.ts";

const av = await import("node-av").catch((error: unknown) => {
  process.stderr.write(`node-av cannot be loaded: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(CODEC_MISSING);
});

av.Log.setLevel(av.AV_LOG_QUIET);

type Frame = import("node-av").Frame;

const [width, height, most] = process.argv.slice(2).map(Number);

// The format is named, so that nothing in the file can choose another: some of them open further files and addresses.
// Finding out more about the streams would decode of them, with no limit to how large their frames are.
const source = { format: "mov", skipStreamInfo: true };
await using demuxer = await av.Demuxer.open(await buffer(process.stdin), source);
const stream = demuxer.video();
if (stream === undefined) throw new Error("the file has no video stream");
using decoder = await av.Decoder.create(stream, { options: { max_pixels: most } });
const frame = await firstFrame();
if (frame === undefined) throw new Error("there is no frame in it");
if (frame.width !== width || frame.height !== height)
  throw new Error(`the first frame is of ${frame.width} × ${frame.height} pixels, not as the file states`);
process.stdout.write(await pixelsOf(frame));

async function firstFrame(): Promise<Frame | undefined> {
  // The end is a null packet, and so is what flushes the decoder.
  for await (const packet of demuxer.packets(stream?.index)) {
    const [first] = await decoder.decodeAll(packet);
    packet?.free();
    if (first !== undefined) return first;
  }
  return undefined;
}

async function pixelsOf(frame: Frame): Promise<Buffer> {
  using picture = new av.Frame();
  picture.alloc();
  picture.width = frame.width;
  picture.height = frame.height;
  picture.format = av.AV_PIX_FMT_RGB24;
  using scaler = new av.SoftwareScaleContext();
  // Left to itself it heeds which colours the frame says it is made of.
  scaler.allocContext();
  if (picture.allocBuffer() < 0 || (await scaler.scaleFrame(picture, frame)) < 0)
    throw new Error(`frames of ${frame.width} × ${frame.height} cannot be converted`);
  return picture.toBuffer();
}
