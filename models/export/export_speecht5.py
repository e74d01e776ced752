"""Turns SpeechT5 for speech, with its vocoder and voices, into the ONNX layout that the runner reads.

    python export_speecht5.py CHECKPOINT VOCODER VOICES OUT [--storage fp16]

CHECKPOINT and VOCODER are folders as Transformers writes them (speecht5_tts, speecht5_hifigan). VOICES is a folder of speaker
vectors as `.npy` files whose names begin with `female` or `male`. The tokenizer is read with sentencepiece.

    onnx/encoder_model.onnx                input_ids -> a key and a value of the text for each layer
    onnx/decoder_model.onnx                output_sequence, the frame before; prenet_keep, which of the prenet's numbers are
                                           kept: the model drops half of them at every step, also when it speaks, and here the
                                           caller's generator decides; speaker_embeddings; what was said and what is read
                                           -> spectrum, prob, what was said
    onnx/decoder_postnet_and_vocoder.onnx  spectrogram -> waveform
    voices/NAME.bin                        float32
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import SpeechT5ForTextToSpeech, SpeechT5HifiGan

from graphs import Command, write_config, write_graph


class Encoder(torch.nn.Module):
    def __init__(self, model: SpeechT5ForTextToSpeech):
        super().__init__()
        self.speecht5 = model.speecht5

    def forward(self, input_ids):
        states = self.speecht5.encoder(input_values=input_ids, attention_mask=torch.ones_like(input_ids), return_dict=True).last_hidden_state
        read = []
        for layer in self.speecht5.decoder.wrapped_decoder.layers:
            read += [heads(layer.encoder_attn, project(states)) for project in (layer.encoder_attn.k_proj, layer.encoder_attn.v_proj)]
        return tuple(read)


def heads(attention, states: torch.Tensor) -> torch.Tensor:
    return states.view(1, -1, attention.num_heads, attention.head_dim).transpose(1, 2)


def attend(attention, states: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    weights = torch.softmax(heads(attention, attention.q_proj(states) * attention.scaling) @ keys.transpose(2, 3), dim=-1)
    return attention.out_proj((weights @ values).transpose(1, 2).reshape(1, -1, attention.embed_dim))


class Decoder(torch.nn.Module):
    """One step, of which the keys and values of all earlier ones are known."""

    def __init__(self, model: SpeechT5ForTextToSpeech):
        super().__init__()
        self.model = model

    def forward(self, output_sequence, prenet_keep, speaker_embeddings, *past):
        config, decoder, out = self.model.config, self.model.speecht5.decoder, self.model.speech_decoder_postnet
        prenet = decoder.prenet
        states = output_sequence
        for i, layer in enumerate(prenet.layers):
            states = torch.relu(layer(states)) * prenet_keep[i] / (1 - config.speech_decoder_prenet_dropout)
        states = prenet.final_layer(states)
        position = past[0].shape[2]
        states = states + prenet.encode_positions.alpha * prenet.encode_positions.pe[:, position : position + 1]
        states = torch.relu(prenet.speaker_embeds_layer(torch.cat([states, torch.nn.functional.normalize(speaker_embeddings).unsqueeze(1)], dim=-1)))
        said = []
        for i, layer in enumerate(decoder.wrapped_decoder.layers):
            keys, values, read_keys, read_values = past[4 * i : 4 * i + 4]
            keys = torch.cat([keys, heads(layer.self_attn, layer.self_attn.k_proj(states))], dim=2)
            values = torch.cat([values, heads(layer.self_attn, layer.self_attn.v_proj(states))], dim=2)
            said += [keys, values]
            states = layer.self_attn_layer_norm(states + attend(layer.self_attn, states, keys, values))
            states = layer.encoder_attn_layer_norm(states + attend(layer.encoder_attn, states, read_keys, read_values))
            states = layer.final_layer_norm(states + layer.feed_forward(states))
        spectrum = out.feat_out(states).view(1, config.reduction_factor, config.num_mel_bins)
        return spectrum, torch.sigmoid(out.prob_out(states[:, 0])), *said


class Voice(torch.nn.Module):
    def __init__(self, model: SpeechT5ForTextToSpeech, vocoder: SpeechT5HifiGan):
        super().__init__()
        self.postnet, self.vocoder = model.speech_decoder_postnet, vocoder

    def forward(self, spectrogram):
        return self.vocoder(self.postnet.postnet(spectrogram))


def character_tokenizer(pieces: list[str], unknown: str = "<unk>", end: str = "</s>") -> Tokenizer:
    """A letter is a token, and so is a space, also one before the first word."""
    ids = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram([(piece, 0.0) for piece in pieces], unk_id=ids[unknown]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {end}", special_tokens=[(end, ids[end])])
    return tokenizer


def pieces_of(source: Path) -> list[str]:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(source / "spm_char.model"))
    return [processor.id_to_piece(i) for i in range(processor.get_piece_size())]


def export_speecht5(
    source: Path, vocoder_source: Path, voices: Path, out: Path, storage: str = "as-is", pieces: list[str] | None = None, external: bool = False
) -> None:
    model = SpeechT5ForTextToSpeech.from_pretrained(source).eval()
    vocoder = SpeechT5HifiGan.from_pretrained(vocoder_source).eval()
    config, layers = model.config, range(model.config.decoder_layers)
    width = config.hidden_size // config.decoder_attention_heads
    read = [f"encoder.{i}.{part}" for i in layers for part in ("key", "value")]
    cache = {f"past_key_values.{i}.{who}.{part}": torch.randn(1, config.decoder_attention_heads, length, width)
             for i in layers for who, length in (("decoder", 3), ("encoder", 7)) for part in ("key", "value")}
    said = [f"present.{i}.decoder.{part}" for i in layers for part in ("key", "value")]
    step = dict(output_sequence=torch.randn(1, 1, config.num_mel_bins), prenet_keep=torch.ones(config.speech_decoder_prenet_layers, 1, config.speech_decoder_prenet_units),
                speaker_embeddings=torch.randn(1, config.speaker_embedding_dim), **cache)
    lengths = {name: {2: "said" if ".decoder." in name else "tokens"} for name in [*cache, *said]}
    parts = dict(
        encoder_model=(Encoder(model), dict(input_ids=torch.arange(7).remainder(config.vocab_size).unsqueeze(0)), read,
                       {"input_ids": {1: "tokens"}, **{name: {2: "tokens"} for name in read}}),
        decoder_model=(Decoder(model), step, ["spectrum", "prob", *said], lengths),
        decoder_postnet_and_vocoder=(Voice(model, vocoder), dict(spectrogram=torch.randn(1, 13, config.num_mel_bins)), ["waveform"],
                                     {"spectrogram": {1: "frames"}, "waveform": {1: "samples"}}),
    )
    for name, graph in parts.items():
        write_graph(*graph, out / "onnx" / f"{name}.onnx", storage, external)
    write_config(source, out)
    character_tokenizer(pieces or pieces_of(source)).save(str(out / "tokenizer.json"))
    (out / "voices").mkdir(exist_ok=True)
    for file in sorted(voices.glob("*.npy")):
        (out / "voices" / f"{file.stem}.bin").write_bytes(np.load(file).astype("<f4").ravel().tobytes())


if __name__ == "__main__":
    Command(__doc__, "checkpoint", "vocoder", "voices", "out").run(export_speecht5)
