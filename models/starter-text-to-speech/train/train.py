"""Trains the starter voice: VITS, small, from what eSpeak NG says.

    python train.py --work WORK                 # all stages; continues where it was
    python train.py --work WORK --stage say     # reads unseen sentences aloud into WORK/said
    python train.py --work WORK --stage judge   # the sentences of ../judge

    data    sentences and their sound, once                             WORK/data.npz
    voice   text encoder, durations, flow                               WORK/voice.ckpt
    save    the model as Transformers keeps it                          WORK/vits

A VITS is usually trained with a posterior encoder, an alignment search and a discriminator, which takes days. Here how long
each letter lasts is known. What goes into the decoder is known as well: the numbers of a lapped transform (MDCT) whose step is a
period of the voice, so that a steady sound has steady numbers. The decoder begins as the inverse of that transform, which
its layers can express exactly, and what is left is one regression: from letters, through the prior of each, spread over its
moments, and the flow (backwards, as when it is used), to those numbers. What cannot be foretold of them, hiss above all, becomes
the width of the prior.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
import wave
from pathlib import Path

import numpy as np
import torch
from torch import nn

from transformers import VitsConfig, VitsModel, VitsTokenizer

import speech
from speech import FRAME, LETTERS, RATE, sentences

SEED = 11
TRAINING_SENTENCES, UNSEEN_SENTENCES = 1500, 40
LOUDNESS = 0.75

CONFIG = dict(
    vocab_size=len(LETTERS), hidden_size=96, num_hidden_layers=3, num_attention_heads=2, window_size=4, ffn_dim=256, flow_size=192,
    layerdrop=0.0, hidden_dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
    spectrogram_bins=8, posterior_encoder_num_wavenet_layers=1,
    prior_encoder_num_flows=2, prior_encoder_num_wavenet_layers=4, wavenet_kernel_size=3, wavenet_dilation_rate=2,
    use_stochastic_duration_prediction=False, duration_predictor_filter_channels=96, duration_predictor_dropout=0.0,
    upsample_initial_channel=256, upsample_rates=[4, 2, 2, 8], upsample_kernel_sizes=[8, 4, 4, 16],
    resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]],
    sampling_rate=RATE, noise_scale=0.3, speaking_rate=1.0,
)
assert math.prod(CONFIG["upsample_rates"]) == FRAME

BATCH = 6
LEARNING_RATE, WARM_UP = 2e-3, 100
LEAST_LOG_WIDTH = -4.0

# Where in the latents the numbers of the transform are. The half that the flow makes last begins with the low frequencies,
# the other with the high ones; the rest of both is the flow's own.
HALF = CONFIG["flow_size"] // 2
PLACES = torch.tensor([HALF + k if k < FRAME // 2 else k - FRAME // 2 for k in range(FRAME)])


def lapped_transform() -> np.ndarray:
    """[number, sample of two frames]: rows are orthonormal, also to those of the frames beside."""
    sample, number = np.arange(2 * FRAME) + 0.5, np.arange(FRAME)[:, None] + 0.5
    window = np.sin(np.pi * sample / (2 * FRAME))
    return math.sqrt(2 / FRAME) * window * np.cos(np.pi / FRAME * (sample + FRAME / 2) * number)


def analysed(sound: np.ndarray) -> np.ndarray:
    """[frame, number]. The last layer of the decoder bends what is loud, so that is bent the other way here."""
    padded = np.pad(np.arctanh(sound), FRAME // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * FRAME)[::FRAME] @ lapped_transform().T


@torch.no_grad()
def begin_decoder(decoder: nn.Module, scale: np.ndarray) -> None:
    """Makes the decoder the inverse of the transform. Every layer passes numbers on twice, as they are and negated, since of
    such a pair the leaky rectifiers keep the sum."""
    for name, parameter in decoder.named_parameters():
        if "convs1" not in name:
            parameter.zero_()
    slope = CONFIG["leaky_relu_slope"] if "leaky_relu_slope" in CONFIG else 0.1
    kept = 1 / (1 + slope)
    for k in range(FRAME):
        decoder.conv_pre.weight[k, PLACES[k], 3] = scale[k]
        decoder.conv_pre.weight[FRAME + k, PLACES[k], 3] = -scale[k]
    first, *others = decoder.upsampler
    block = FRAME // CONFIG["upsample_rates"][0]
    # [number, block, sample in block]
    basis = torch.from_numpy(lapped_transform()).float().reshape(FRAME, -1, block)
    for tap in range(basis.shape[1]):
        for sign, at in ((kept, 0), (-kept, block)):
            first.weight[:FRAME, at : at + block, tap] = sign * basis[:, tap]
            first.weight[FRAME:, at : at + block, tap] = -sign * basis[:, tap]
    for layer, rate in zip(others, CONFIG["upsample_rates"][1:]):
        size = block // rate
        for place in range(rate):
            for sample in range(size):
                at, tap = place * size + sample, rate // 2 + place
                for sign, to in ((kept, sample), (-kept, size + sample)):
                    layer.weight[at, to, tap] = sign
                    layer.weight[block + at, to, tap] = -sign
        block = size
    # The last rectifier has the slope of the library.
    decoder.conv_post.weight[0, 0, 3], decoder.conv_post.weight[0, 1, 3] = 1 / 1.01, -1 / 1.01


MELS, MEL_FLOOR, MEL_SIZE = 80, 1e-4, 512


def mel_filters() -> torch.Tensor:
    """Triangles, evenly wide on the mel scale."""
    mel = lambda f: 2595 * math.log10(1 + f / 700)  # noqa: E731
    edges = 700 * (10 ** (torch.linspace(mel(40), mel(7800), MELS + 2) / 2595) - 1)
    places = torch.linspace(0, RATE / 2, MEL_SIZE // 2 + 1)
    rising = (places[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - places[None]) / (edges[2:] - edges[1:-1])[:, None]
    filters = torch.minimum(rising, falling).clamp_min(0)
    return filters / filters.sum(1, keepdim=True).clamp_min(1e-6)


def mels(sound: torch.Tensor) -> torch.Tensor:
    """[frames, 80] in nepers."""
    window = torch.hann_window(MEL_SIZE)
    power = torch.stft(sound, MEL_SIZE, FRAME, window=window, pad_mode="constant", return_complex=True).abs() / window.square().sum().sqrt()
    return (mel_filters() @ power + MEL_FLOOR).log().T


def make_data(path: Path) -> None:
    rng = random.Random(SEED)
    synthesiser = speech.Synthesiser()
    texts = {text: None for text in sentences.GREETINGS} | {" ".join([word] * 2): None for word in sentences.WORDS}
    while len(texts) < TRAINING_SENTENCES:
        texts[sentences.training_sentence(rng)] = None
    kept = {"texts": list(texts), "unseen": []}
    while len(kept["unseen"]) < UNSEEN_SENTENCES:
        kept["unseen"].append(sentences.unseen_sentence(rng))
    sounds, durations, begun = [], [], time.time()
    for text in kept["texts"] + kept["unseen"]:
        said = synthesiser.say(text)
        sounds.append(np.rint(np.clip(said.samples * LOUDNESS, -0.9, 0.9) * 32767).astype(np.int16))
        durations.append(said.durations)
    print(f"{len(sounds)} sentences, {sum(map(len, sounds)) / RATE / 60:.0f} minutes, made in {time.time() - begun:.0f} s", flush=True)
    np.savez(path, names=json.dumps(kept), sounds=np.concatenate(sounds), durations=np.concatenate(durations),
             frames=np.array([len(s) // FRAME for s in sounds]))


class Data:
    def __init__(self, path: Path) -> None:
        with np.load(path) as kept:
            names = json.loads(str(kept["names"]))
            self.texts, self.trained = names["texts"] + names["unseen"], len(names["texts"])
            self.sounds = np.split(kept["sounds"], np.cumsum(kept["frames"])[:-1] * FRAME)
            self.durations = np.split(kept["durations"], np.cumsum([len(text) for text in self.texts])[:-1])
        self.ids = [np.array([LETTERS.index(letter) for letter in text]) for text in self.texts]
        numbers = [analysed(sound / 32767) for sound in self.sounds[: self.trained]]
        self.scale = np.sqrt(np.mean(np.concatenate(numbers) ** 2, 0))
        self.numbers = [(each / self.scale).astype(np.float32) for each in numbers]
        # Sentences of a batch are about as long as each other, so that little is computed for nothing.
        self.by_length = sorted(range(self.trained), key=lambda i: len(numbers[i]))

    def batch(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        begin = rng.integers(self.trained - BATCH + 1)
        picked = self.by_length[begin : begin + BATCH]
        longest, frames = max(len(self.ids[i]) for i in picked), max(len(self.numbers[i]) for i in picked)
        ids, mask, durations = np.zeros((BATCH, longest), np.int64), np.zeros((BATCH, longest), np.int64), np.ones((BATCH, longest), np.float32)
        letters, inside = np.zeros((BATCH, frames), np.int64), np.zeros((BATCH, frames), np.float32)
        numbers = np.zeros((BATCH, frames, FRAME), np.float32)
        for row, i in enumerate(picked):
            count, length = len(self.ids[i]), len(self.numbers[i])
            ids[row, :count], mask[row, :count], durations[row, :count] = self.ids[i], 1, self.durations[i]
            letters[row, :length], inside[row, :length], numbers[row, :length] = np.repeat(np.arange(count), self.durations[i]), 1, self.numbers[i]
        return {k: torch.from_numpy(v) for k, v in dict(ids=ids, mask=mask, durations=durations, letters=letters, inside=inside, numbers=numbers).items()}


class Training(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = VitsModel(VitsConfig(**CONFIG))
        with torch.no_grad():
            flow_size, project = CONFIG["flow_size"], self.model.text_encoder.project
            project.weight[:flow_size].mul_(0.5)
            project.weight[flow_size:].mul_(0.1)
            project.bias[flow_size:] = -5.0
            project.bias[flow_size + PLACES] = -1.0
            for flow in self.model.flow.flows:
                flow.conv_post.weight.mul_(0.2)
                flow.conv_post.bias.zero_()

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        model = self.model
        mask = batch["mask"]
        encoded = model.text_encoder(input_ids=batch["ids"], padding_mask=mask.unsqueeze(-1).float(), attention_mask=mask)
        logs = model.duration_predictor(encoded.last_hidden_state.transpose(1, 2), mask.unsqueeze(1).float())[:, 0]
        # Durations are rounded up when the model is used.
        duration = ((logs - (batch["durations"] - 0.5).log()).square() * mask).sum() / mask.sum()
        spread = batch["letters"].unsqueeze(-1).expand(-1, -1, CONFIG["flow_size"])
        means, logs = (each.gather(1, spread).transpose(1, 2) for each in (encoded.prior_means, encoded.prior_log_variances))
        inside = batch["inside"].unsqueeze(1)
        # The flow adds to what is drawn; that it does not follow its chances too much is a part of the lesson.
        drawn = torch.randn_like(means) * logs.detach().exp()
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.flow((means + drawn) * inside, inside, reverse=True) - drawn
        expected, logs = latents[:, PLACES], logs[:, PLACES].clamp_min(LEAST_LOG_WIDTH)
        apart = (expected - batch["numbers"].transpose(1, 2)).square()
        likely = logs + 0.5 * apart * (-2 * logs).exp()
        count = inside.sum() * FRAME
        return dict(
            duration=duration,
            # What is loud counts more than it would by likelihood alone.
            likely=(likely * (logs.detach() / 2).exp() * inside).sum() / count,
            bare=(likely.detach() * inside).sum() / count,
            apart=(apart * inside).sum() / count,
        )


WEIGHTS = dict(duration=0.2, likely=1.0, bare=0.0, apart=0.2)


def rate_at(step: int, steps: int) -> float:
    return LEARNING_RATE * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * min(1, step / steps)) * 0.98)


def train(work: Path, steps: int, minutes_between: float = 2) -> None:
    data = Data(work / "data.npz")
    torch.manual_seed(SEED)
    training = Training()
    begin_decoder(training.model.decoder, data.scale)
    used = [p for name, p in training.named_parameters() if "posterior_encoder" not in name and "decoder" not in name]
    optimizer = torch.optim.AdamW(used, lr=LEARNING_RATE, betas=(0.8, 0.99), weight_decay=0.01)
    checkpoint, step, spent = work / "voice.ckpt", 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        training.load_state_dict(state["training"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    training.train()
    sums: dict[str, float] = {}
    shown = kept = time.time()
    used_cpu = time.process_time()

    def keep() -> None:
        part = checkpoint.with_suffix(".part")
        torch.save(dict(training=training.state_dict(), optimizer=optimizer.state_dict(), step=step, spent=spent + time.process_time() - used_cpu), part)
        part.rename(checkpoint)

    while step < steps:
        batch = data.batch(np.random.default_rng([SEED, step]))
        torch.manual_seed(step)
        losses = training(batch)
        total = sum(WEIGHTS[name] * loss for name, loss in losses.items())
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(used, 5.0)
        optimizer.step()
        step += 1
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0) + loss.item()
        if step % 50 == 0:
            text = " ".join(f"{name} {value / 50:.3f}" for name, value in sums.items())
            print(f"{step:6d} {text}  {(time.time() - shown) / 50:.2f} s, cpu {(spent + time.process_time() - used_cpu) / 60:.1f} min", flush=True)
            sums, shown = {}, time.time()
        if time.time() - kept > 60 * minutes_between:
            keep()
            kept = time.time()
    keep()


def load(work: Path) -> Training:
    training = Training()
    training.load_state_dict(torch.load(work / "voice.ckpt")["training"])
    return training.eval()


def save(work: Path) -> None:
    out = work / "vits"
    out.mkdir(exist_ok=True)
    load(work).model.save_pretrained(out)
    (out / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(LETTERS)}))
    # What is no letter is left out; without blanks between letters the first of them needs no special meaning.
    VitsTokenizer(str(out / "vocab.json"), pad_token=" ", unk_token=" ", add_blank=False, normalize=True, phonemize=False, is_uroman=False).save_pretrained(out)


def write_judge(work: Path) -> None:
    data = Data(work / "data.npz")
    unseen = [{"text": text, "seconds": len(sound) / RATE} for text, sound in zip(data.texts, data.sounds)][data.trained :]
    out = Path(__file__).resolve().parents[1] / "judge" / "sentences.json"
    out.write_text("[\n" + ",\n".join(f"  {json.dumps(each)}" for each in unseen) + "\n]\n")


def say(work: Path, count: int = 8) -> None:
    """Reads unseen sentences; the distance to the original is between mels, after the time of one is bent to the other's."""
    data, model, out = Data(work / "data.npz"), load(work), work / "said"
    out.mkdir(exist_ok=True)
    torch.manual_seed(1)
    distances = []
    for i in range(data.trained, data.trained + count):
        with torch.no_grad():
            made = model.model(torch.from_numpy(data.ids[i])[None]).waveform[0]
            real = torch.from_numpy(data.sounds[i] / np.float32(32767))
            a, b = (mels(x).numpy() for x in (made, real))
        distances.append(warped_distance(a, b))
        print(f"{distances[-1]:.3f} {len(made) / len(real):.2f} of the length, peak {made.abs().max():.2f}: {data.texts[i]}", flush=True)
        write_wav(out / f"{i - data.trained}.wav", made.numpy())
        (out / f"{i - data.trained}.txt").write_text(data.texts[i])
    print(f"mean {np.mean(distances):.3f}")


def warped_distance(a: np.ndarray, b: np.ndarray) -> float:
    apart = np.abs(a[:, None] - b[None]).mean(-1)
    cost = np.full((len(a) + 1, len(b) + 1), np.inf)
    cost[0, 0] = 0
    for i in range(len(a)):
        for j in range(len(b)):
            cost[i + 1, j + 1] = apart[i, j] + min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
    return cost[-1, -1] / (len(a) + len(b)) * 2


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--stage", choices=("data", "voice", "save", "say", "judge"))
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    if args.stage == "data" or not (args.work / "data.npz").exists():
        make_data(args.work / "data.npz")
    if args.stage in (None, "voice"):
        train(args.work, args.steps)
    if args.stage in (None, "save"):
        save(args.work)
    if args.stage in (None, "say"):
        say(args.work)
    if args.stage == "judge":
        write_judge(args.work)


if __name__ == "__main__":
    main()
