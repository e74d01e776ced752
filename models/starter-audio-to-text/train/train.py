"""Trains the starter model that hears, from nothing, on speech that eSpeak NG makes.

    python corpus.py --work FOLDER --parts 10
    python train.py --work FOLDER                # goes on from FOLDER/hearing.ckpt when there is one
    python train.py --work FOLDER --out CHECKPOINT --steps 0        # only writes the checkpoint for models/export

Three losses at once, because eSpeak NG tells when each word sounds: the tokens; which word, and which half of it, each of the
encoder's states lies in, told by a layer that is thrown away afterwards; and where some heads look. The last layer's find the
word to come, the first layer's the one before. From the tokens alone all of that would take many times as long. At first
windows hold one clean sentence and nothing else, at last several of them or none, through noise, and cut at the edges.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

from corpus import BANDS, FRAMES_A_SECOND, HOP, RATE, WINDOW_SECONDS, Said, extractor, framed, read_part
from sentences import WORDS, random_voice, speak, unseen_sentence
from windows import FRAMES, FRAMES_PER_STATE, STATES, Heard, Window, talk, window

END, START, ENGLISH, TRANSCRIBE, NO_TIMES = "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"
SPECIAL = [END, START, ENGLISH, "<|translate|>", TRANSCRIBE, "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", NO_TIMES]
STATE_SECONDS = FRAMES_PER_STATE * HOP / RATE
WIDTH, LAYERS, DEEP, HEADS, INNER, LENGTH = 128, 4, 2, 4, 384, 64
# Heads of the last layer that are shown where the token to come sounds, and one of the first that is shown where the token
# before did; the others find out for themselves.
GUIDED = [[DEEP - 1, 0], [DEEP - 1, 1]]
FOLLOWING = 0
IGNORED = -100
# How much a time's neighbours count: nearly right is better than wrong.
NEAR = (0.05, 0.2, 0.5, 0.2, 0.05)
# Most of a window is silence, which is soon learned.
SILENCE_WEIGHT = 0.15
# The share of the training that hears one clean sentence at a time.
ALONE = 0.12
BATCH = 20
# Words that are in nearly every sentence but counted numbers and words in any order.
COMMON = {"a", "an", "the", "rivulet", "hello"}


def make_tokenizer() -> Tokenizer:
    """Bytes, and pairs of them joined until each word with the space before it is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator([f" {word}" for word in WORDS], trainers.BpeTrainer(vocab_size=5000, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(f"<|{i * STATE_SECONDS:.2f}|>", normalized=False) for i in range(STATES + 1)])
    return tokenizer


TOKENIZER = make_tokenizer()
ID = {token: TOKENIZER.token_to_id(token) for token in SPECIAL}
FIRST_TIME = ID[NO_TIMES] + 1
WORD_ID = {word: TOKENIZER.encode(f" {word}").ids[0] for word in WORDS}
# Classes of the encoder's states: 0 is silence, then two for each word.
PLACE = {word: 2 * i + 1 for i, word in enumerate(WORDS)}
WORD_OF = {number: word for word, number in WORD_ID.items()}


def make_model() -> WhisperForConditionalGeneration:
    config = WhisperConfig(
        vocab_size=FIRST_TIME + STATES + 1, num_mel_bins=BANDS, d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=DEEP,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=INNER, decoder_ffn_dim=INNER,
        max_source_positions=STATES, max_target_positions=LENGTH, activation_function="relu", dropout=0.0, bos_token_id=ID[END],
        eos_token_id=ID[END], pad_token_id=ID[END], decoder_start_token_id=ID[START], suppress_tokens=None, begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        bos_token_id=ID[END], eos_token_id=ID[END], pad_token_id=ID[END], decoder_start_token_id=ID[START], no_timestamps_token_id=ID[NO_TIMES],
        prev_sot_token_id=ID["<|startofprev|>"], is_multilingual=True, lang_to_id={ENGLISH: ID[ENGLISH]},
        task_to_id={"transcribe": ID[TRANSCRIBE], "translate": ID["<|translate|>"]}, max_initial_timestamp_index=STATES, max_length=LENGTH,
        return_timestamps=False, alignment_heads=GUIDED,
    )
    with torch.no_grad():
        embedding = model.model.decoder.embed_tokens.weight
        embedding.normal_(0, 0.05)
        # A time is written as the encoder marks that place, so that looking there is nearly all there is to telling it.
        embedding[FIRST_TIME : FIRST_TIME + STATES] = 0.07 * model.model.encoder.embed_positions.weight
    return model


class Listener(torch.nn.Module):
    """The model as it is trained: on windows of any length, at any place of a full one, telling where it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.whisper = make_model()
        self.reading = torch.nn.Linear(WIDTH, 2 * len(WORDS) + 1)

    def encode(self, features: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        encoder = self.whisper.model.encoder
        hidden = F.gelu(encoder.conv2(F.gelu(encoder.conv1(features)))).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[places[:, None] + torch.arange(hidden.shape[1])]
        for layer in encoder.layers:
            x = layer.self_attn_layer_norm(hidden)
            hidden = hidden + _attend(layer.self_attn, x, x, False)
            hidden = hidden + layer.fc2(F.relu(layer.fc1(layer.final_layer_norm(hidden))))
        return encoder.layer_norm(hidden)

    def decode(self, tokens: torch.Tensor, states: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        decoder = self.whisper.model.decoder
        hidden = decoder.embed_tokens(tokens) + decoder.embed_positions.weight[: tokens.shape[1]]
        looks = []
        for layer in decoder.layers:
            x = layer.self_attn_layer_norm(hidden)
            hidden = hidden + _attend(layer.self_attn, x, x, True)
            x, far = layer.encoder_attn_layer_norm(hidden), layer.encoder_attn
            query, key, value = (_heads(part) for part in (far.q_proj(x) * far.scaling, far.k_proj(states), far.v_proj(states)))
            looks.append(torch.softmax(query @ key.transpose(2, 3), -1))
            hidden = hidden + far.out_proj((looks[-1] @ value).transpose(1, 2).flatten(2))
            hidden = hidden + layer.fc2(F.relu(layer.fc1(layer.final_layer_norm(hidden))))
        return self.whisper.proj_out(decoder.layer_norm(hidden)), looks


def _heads(x: torch.Tensor) -> torch.Tensor:
    return x.view(x.shape[0], x.shape[1], HEADS, -1).transpose(1, 2)


def _attend(attention, x: torch.Tensor, other: torch.Tensor, is_causal: bool) -> torch.Tensor:
    query, key, value = (_heads(part) for part in (attention.q_proj(x), attention.k_proj(other), attention.v_proj(other)))
    scores = query @ key.transpose(2, 3) * attention.scaling
    if is_causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    return attention.out_proj((torch.softmax(scores, -1) @ value).transpose(1, 2).flatten(2))


def write_down(sentences: list[Heard], place: int, times: bool) -> tuple[list[int], list[tuple[float, float]]]:
    """The tokens of a window after the prompt, and for each the states between which its sound is; (0, 0) where nobody knows."""
    tokens, spans = [], []

    def tell(at: float) -> None:
        tokens.append(FIRST_TIME + min(STATES, round(at) + place))
        spans.append((at - 2.5, at + 2.5))

    for heard in sentences:
        if times:
            tell(heard.marks[0] if heard.is_begun else 0)
        for word, begin, end in zip(heard.words, heard.marks, heard.marks[1:]):
            tokens.append(WORD_ID[word])
            spans.append((begin - 0.5, max(end, begin + 1) + 1))
        if times:
            # Of one that goes on behind the window, the end of what was heard: what joins windows counts on pairs.
            tell(heard.marks[-1])
    if times and not sentences:
        tokens.append(FIRST_TIME)
        spans.append((0, 0))
    return [*tokens, ID[END]], [*spans, (0, 0)]


def collate(windows: list[Window], places: list[int], times: list[bool]):
    """Everything a step needs, padded to the longest."""
    prompts = [[ID[START], ID[ENGLISH], ID[TRANSCRIBE], *([] if timed else [ID[NO_TIMES]])] for timed in times]
    written = [write_down(w.sentences, place, timed) for w, place, timed in zip(windows, places, times)]
    longest = max(len(p) + len(t) for p, (t, _) in zip(prompts, written)) - 1
    states = len(windows[0].features) // FRAMES_PER_STATE
    count = len(windows)
    tokens, targets = torch.full((count, longest), ID[END]), torch.full((count, longest), IGNORED)
    spans = np.zeros((count, longest, 2), np.float32)
    for i, (prompt, (said, where)) in enumerate(zip(prompts, written)):
        whole = [*prompt, *said]
        tokens[i, : len(whole) - 1] = torch.tensor(whole[:-1])
        targets[i, : len(whole) - 1] = torch.tensor(whole[1:])
        # Of the prompt only the language is guessed; the task and whether times are wanted are told.
        targets[i, 1 : len(prompt) - 1] = IGNORED
        spans[i, len(prompt) - 1 : len(whole) - 1] = where
    at = np.arange(states)[None, None] + 0.5
    guides = torch.from_numpy(((at > spans[..., :1]) & (at < spans[..., 1:])).astype(np.float32))
    read = np.zeros((count, states), np.int64)
    for row, w in zip(read, windows):
        for heard in w.sentences:
            for word, begin, end in zip(heard.words, heard.marks, heard.marks[1:]):
                first, half, last = round(begin), round((begin + end) / 2), round(end)
                row[first:half] = PLACE[word]
                row[half:last] = PLACE[word] + 1
    features = torch.from_numpy(np.stack([w.features for w in windows]).transpose(0, 2, 1).copy())
    return features, torch.tensor(places), tokens, targets, guides, torch.from_numpy(read)


def losses(listener: Listener, batch) -> dict[str, torch.Tensor]:
    features, places, tokens, targets, guides, read = batch
    states = listener.encode(features, places)
    logits, looks = listener.decode(tokens, states)
    logs = torch.log_softmax(logits, -1)
    given = targets != IGNORED
    flat, wanted = logs[given], targets[given]
    is_time = wanted >= FIRST_TIME
    word_loss = -flat[~is_time].gather(1, wanted[~is_time, None]).sum()
    near = (wanted[is_time, None] + torch.arange(-2, 3)).clamp(FIRST_TIME, FIRST_TIME + STATES)
    time_loss = -(flat[is_time].gather(1, near) * torch.tensor(NEAR)).sum()
    looked = _missed([looks[layer][:, head] for layer, head in GUIDED], guides)
    followed = _missed([looks[0][:, FOLLOWING, 1:]], guides[:, :-1])
    weight = torch.full((2 * len(WORDS) + 1,), 1.0)
    weight[0] = SILENCE_WEIGHT
    known = F.cross_entropy(listener.reading(states).flatten(0, 1), read.flatten(), weight=weight)
    return dict(said=(word_loss + time_loss) / len(wanted), looked=looked + followed, read=known)


def _missed(looks: list[torch.Tensor], guides: torch.Tensor) -> torch.Tensor:
    """By how much heads do not look where they are shown to."""
    shown = guides.sum(-1) > 0
    return -sum(torch.log((look * guides).sum(-1)[shown] + 1e-6).sum() for look in looks) / max(1, int(shown.sum()) * len(looks))


class Windows:
    """Batches of windows: short ones at first, then more and more of the full length."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.corpus: list[Said] = []
        self.read: set[Path] = set()
        self.waiting: list = []

    def refresh(self) -> None:
        for path in sorted(self.folder.glob("part-?.npz")) + sorted(self.folder.glob("part-??.npz")):
            if path not in self.read:
                said = read_part(path)
                # Nothing but the sound tells which number comes next, which is hardest: they are heard more often.
                self.corpus += said + 3 * [each for each in said if not any(word in COMMON for word in each.text.split())]
                self.read.add(path)

    def next(self, progress: float):
        """`progress` from 0 to 1."""
        rng = self.rng
        strength = min(1.0, max(0.0, (progress - ALONE) / 0.2))
        if progress < ALONE:
            kind = "one"
        elif progress < 0.35:
            kind = rng.choices(("one", "two"), (0.8, 0.2))[0]
        else:
            kind = rng.choices(("one", "two", "full"), (0.3, 0.25, 0.45))[0]
        timed = 0.5
        if kind == "one":
            if not self.waiting:
                drawn = sorted((rng.choice(self.corpus) for _ in range(BATCH * 8)), key=lambda s: len(s.mel))
                self.waiting = [drawn[i : i + BATCH] for i in range(0, len(drawn), BATCH)]
                if progress >= 0.04:
                    rng.shuffle(self.waiting)
            batch = self.waiting.pop(0)
            longest = int(max(len(s.mel) for s in batch) * 1.16) + rng.randint(4, 30)
            frames = min(FRAMES, longest + longest % 2)
            windows = []
            for said in batch:
                begin = rng.randint(0, max(0, frames - int(len(said.mel) * 1.16)))
                windows.append(window([(said, begin)], frames, rng.randint(min(frames, begin + int(len(said.mel) * 1.16)), frames), rng, strength))
            places = [rng.choice((0, rng.randint(0, STATES - frames // 2))) for _ in windows]
        else:
            count, frames = (8, 340) if kind == "two" else (5, FRAMES)
            windows = []
            for _ in range(count):
                style = rng.random()
                if style < 0.06:
                    parts, sounding = [], rng.randint(0, frames)
                elif style < 0.3:
                    parts = talk(self.corpus, rng, frames, rng.randint(1, 2), False)
                    sounding = rng.randint(int(parts[-1][1] + len(parts[-1][0].mel) * 1.16), frames) if parts else frames
                else:
                    parts, sounding = talk(self.corpus, rng, frames, 6, rng.random() < 0.5), frames
                windows.append(window(parts, frames, min(sounding, frames), rng, strength))
            places = [0 if kind == "full" else rng.choice((0, rng.randint(0, STATES - frames // 2))) for _ in windows]
        return collate(windows, places, [rng.random() < timed for _ in windows])


def hear(listener: Listener, features: torch.Tensor) -> list[list[str]]:
    """The likeliest words of each full window, without times."""
    with torch.no_grad():
        states = listener.encode(features, torch.zeros(len(features), dtype=torch.long))
        tokens = torch.tensor([[ID[START], ID[ENGLISH], ID[TRANSCRIBE], ID[NO_TIMES]]] * len(features))
        done = torch.zeros(len(features), dtype=torch.bool)
        while not done.all() and tokens.shape[1] < 24:
            logits, _ = listener.decode(tokens, states)
            chosen = logits[:, -1].argmax(-1)
            chosen[done] = ID[END]
            done |= chosen == ID[END]
            tokens = torch.cat([tokens, chosen[:, None]], 1)
    return [[WORD_OF.get(t, "?") for t in row[4:] if t != ID[END]] for row in tokens.tolist()]


def errors(said: list[str], heard: list[str]) -> int:
    """Words to put in, to leave out or to exchange, at least."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def judged(count: int, noise: float) -> tuple[torch.Tensor, list[str]]:
    """Full windows of sentences that training never says."""
    rng, generator = random.Random(99), np.random.default_rng(9)
    features, said = [], []
    extract = extractor()
    for _ in range(count):
        sentence = unseen_sentence(rng)
        samples = np.pad(speak(sentence, random_voice(rng)).samples, 4000)
        samples = samples + noise * samples.std() * generator.standard_normal(len(samples))
        features.append(extract(samples.astype(np.float32), sampling_rate=RATE, return_tensors="np").input_features[0])
        said.append(sentence)
    return torch.from_numpy(np.stack(features)), said


def word_error(listener: Listener, cases: tuple[torch.Tensor, list[str]], show: int = 0) -> float:
    features, said = cases
    heard = [words for at in range(0, len(said), 16) for words in hear(listener, features[at : at + 16])]
    for sentence, words in list(zip(said, heard))[:show]:
        print(f"    {sentence} | {' '.join(words)}", flush=True)
    return sum(errors(s.split(), h) for s, h in zip(said, heard)) / sum(len(s.split()) for s in said)


def write_checkpoint(listener: Listener, out: Path) -> None:
    """The form that models/export reads."""
    listener.whisper.save_pretrained(out)
    extractor().save_pretrained(out)
    TOKENIZER.save(str(out / "tokenizer.json"), pretty=False)
    config = dict(tokenizer_class="WhisperTokenizer", bos_token=END, eos_token=END, unk_token=END, pad_token=END, model_max_length=1024,
                  additional_special_tokens=SPECIAL[1:], clean_up_tokenization_spaces=False, errors="replace")
    (out / "tokenizer_config.json").write_text(json.dumps(config) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    listener = Listener()
    plain = [p for p in listener.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(plain, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    path, begin = args.work / "hearing.ckpt", 0
    if path.exists():
        kept = torch.load(path, weights_only=False)
        listener.load_state_dict(kept["listener"])
        optimizer.load_state_dict(kept["optimizer"])
        begin = kept["step"]
    windows = Windows(args.work, 17 + begin)
    if begin < args.steps:
        windows.refresh()
        clean, noisy = judged(32, 0.0), judged(32, 0.18)
    began, processor, sums = time.monotonic(), time.process_time(), {}
    saved = time.monotonic()
    for step in range(begin, args.steps):
        progress = step / args.steps
        rate = args.rate * min(1, (step + 1) / 150) * (0.5 + 0.5 * math.cos(math.pi * min(1, progress)) * 0.98 + 0.01)
        for group in optimizer.param_groups:
            group["lr"] = rate
        parts = losses(listener, windows.next(progress))
        total = parts["said"] + 0.2 * parts["looked"] + parts["read"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(plain, 1.0)
        optimizer.step()
        for name, value in parts.items():
            sums[name] = sums.get(name, 0) + float(value.detach())
        if (step + 1) % 50 == 0:
            told = " ".join(f"{name} {value / 50:.3f}" for name, value in sums.items())
            print(f"{step + 1} {told} {time.monotonic() - began:.0f} s, {time.process_time() - processor:.0f} s of processor", flush=True)
            sums = {}
            windows.refresh()
        if (step + 1) % 500 == 0:
            print(f"  words wrong: {word_error(listener, clean, 3):.3f}, through noise {word_error(listener, noisy):.3f}", flush=True)
        if time.monotonic() - saved > 120 or step + 1 == args.steps:
            part = path.with_suffix(".part")
            torch.save(dict(listener=listener.state_dict(), optimizer=optimizer.state_dict(), step=step + 1), part)
            part.rename(path)
            saved = time.monotonic()
    if args.out is not None:
        write_checkpoint(listener, args.out)


if __name__ == "__main__":
    main()
