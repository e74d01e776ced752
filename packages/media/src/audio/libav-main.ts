/**
 * A process that decodes one audio file: `libav-main.ts FORMAT`, the file on standard input, 16-bit samples of one channel at
 * 16 kHz on standard output. It is a process of its own because the library is native code that reads strangers' files:
 * a file that crashes it or holds it for ever takes nothing else along. Standard error tells why it failed.
 */
import { once } from "node:events";
import { CODEC_MISSING } from "../codec-process.ts";
import { SAMPLE_RATE } from "./decoder-process.ts";

const [format = ""] = process.argv.slice(2);

const av = await import("node-av").catch((error: unknown) => {
  process.stderr.write(`node-av cannot be loaded: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(CODEC_MISSING);
});

av.Log.setLevel(av.AV_LOG_QUIET);

type Frame = import("node-av").Frame;
type Resampler = import("node-av").SoftwareResampleContext;

/** Packets in a row that the decoder may refuse: files get damaged, but one that is all damage is no audio. */
const MAX_REFUSED = 1000;

const file = await readAll();
// The format is named, so that nothing in the file can choose another: some of them open further files and addresses.
await using demuxer = await av.Demuxer.open(file, { format });
const stream = demuxer.audio();
if (stream === undefined) throw new Error("the file has no audio stream");
using decoder = await av.Decoder.create(stream, { exitOnError: true });

let resampler: { readonly context: Resampler; readonly input: string } | undefined;
let refused = 0;
for await (const packet of demuxer.packets(stream.index)) {
  // The end is a null packet, and so is what flushes the decoder.
  const frames = await decoded(packet);
  packet?.free();
  for (const frame of frames) await resample(frame);
}
if (resampler !== undefined) await write(resampler.context, null);

async function decoded(packet: Parameters<typeof decoder.decodeAll>[0]): Promise<readonly Frame[]> {
  try {
    const frames = await decoder.decodeAll(packet);
    refused = 0;
    return frames;
  } catch (error) {
    refused += 1;
    if (refused > MAX_REFUSED) throw error;
    return [];
  }
}

async function resample(frame: Frame): Promise<void> {
  // Telephones' codings say how many channels there are and not which: the usual ones.
  if (frame.channelLayout.order === av.AV_CHANNEL_ORDER_UNSPEC)
    frame.channelLayout = av.avChannelLayoutDefault(frame.channels);
  // Streams may change their form on the way, as AAC does that turns out to be of the high-efficiency kind.
  const input = `${frame.sampleRate} ${frame.format} ${frame.channels}`;
  if (resampler !== undefined && resampler.input !== input) {
    await write(resampler.context, null);
    resampler.context.free();
    resampler = undefined;
  }
  resampler ??= { context: resamplerOf(frame), input };
  await write(resampler.context, frame);
  frame.free();
}

function resamplerOf({ channelLayout, format, sampleRate }: Frame): Resampler {
  const context = new av.SoftwareResampleContext();
  const sample = format as import("node-av").AVSampleFormat; // an audio frame's
  const mono = av.AV_CHANNEL_LAYOUT_MONO;
  if (
    context.allocSetOpts2(mono, av.AV_SAMPLE_FMT_S16, SAMPLE_RATE, channelLayout, sample, sampleRate) < 0 ||
    context.init() < 0
  )
    throw new Error(`audio of ${channelLayout.nbChannels} channels at ${sampleRate} Hz cannot be mixed`);
  return context;
}

/** Sends on what a frame becomes; without a frame, what the resampler still holds. */
async function write(context: Resampler, frame: Frame | null): Promise<void> {
  using out = new av.Frame();
  out.alloc();
  out.format = av.AV_SAMPLE_FMT_S16;
  out.sampleRate = SAMPLE_RATE;
  out.channelLayout = av.AV_CHANNEL_LAYOUT_MONO;
  const result = context.convertFrame(out, frame);
  if (result < 0) throw new Error(`the sound cannot be mixed: ${av.FFmpegError.strerror(result)}`);
  if (out.nbSamples === 0) return;
  const samples = out.data?.[0]?.subarray(0, out.nbSamples * 2);
  // Copied: the frame's memory is gone before the pipe has taken it.
  if (samples !== undefined && !process.stdout.write(Buffer.from(samples))) await once(process.stdout, "drain");
}

async function readAll(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part);
  return Buffer.concat(parts);
}
