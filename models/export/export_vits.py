"""Turns a VITS checkpoint (MMS-TTS and others) into the ONNX layout that the runner reads.

    python export_vits.py CHECKPOINT OUT [--storage fp16]

The model draws random numbers twice: for how long each sound lasts, and for the sound itself, of which there is as much as
the first draw says. Both are inputs here, so that the caller's generator decides them, and the graph is cut between them:

    onnx/text_encoder.onnx   input_ids, duration_noise [1, 2, tokens] -> log_durations, prior_means, prior_log_variances
    onnx/decoder.onnx        latents [1, flow size, frames] -> waveform

Models with several speakers have `speaker_id` as a further input of both.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import VitsModel

from graphs import Command, copy_files, write_config, write_graph


@contextmanager
def drawing(noise: torch.Tensor):
    """The model calls torch.randn; here that is an input of the graph."""
    original = torch.randn
    torch.randn = lambda *shape, **_: noise
    try:
        yield
    finally:
        torch.randn = original


class TextEncoder(torch.nn.Module):
    def __init__(self, model: VitsModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids, duration_noise, speaker_id=None):
        model = self.model
        mask = torch.ones_like(input_ids).unsqueeze(-1).to(duration_noise.dtype)
        speaker = None if speaker_id is None else model.embed_speaker(speaker_id).unsqueeze(-1)
        out = model.text_encoder(input_ids=input_ids, padding_mask=mask, attention_mask=None, return_dict=True)
        states, mask = out.last_hidden_state.transpose(1, 2), mask.transpose(1, 2)
        if model.config.use_stochastic_duration_prediction:
            with drawing(duration_noise):
                durations = model.duration_predictor(states, mask, speaker, reverse=True, noise_scale=model.noise_scale_duration)
        else:
            durations = model.duration_predictor(states, mask, speaker) + 0 * duration_noise[:, :1]
        return durations[:, 0], out.prior_means, out.prior_log_variances


class Decoder(torch.nn.Module):
    def __init__(self, model: VitsModel):
        super().__init__()
        self.model = model

    def forward(self, latents, speaker_id=None):
        model = self.model
        speaker = None if speaker_id is None else model.embed_speaker(speaker_id).unsqueeze(-1)
        mask = torch.ones_like(latents[:, :1])
        return model.decoder(model.flow(latents, mask, speaker, reverse=True), speaker).squeeze(1)


def export_vits(source: Path, out: Path, storage: str = "as-is", external: bool = False) -> None:
    model = VitsModel.from_pretrained(source, attn_implementation="eager").eval()
    several = model.config.num_speakers > 1
    speaker = dict(speaker_id=torch.zeros(1, dtype=torch.int64)) if several else {}
    ids = torch.arange(11).remainder(model.config.vocab_size).unsqueeze(0)
    tokens = {1: "tokens"}
    parts = dict(
        text_encoder=(
            TextEncoder(model), dict(input_ids=ids, duration_noise=torch.randn(1, 2, ids.shape[1]), **speaker),
            ["log_durations", "prior_means", "prior_log_variances"],
            {"input_ids": tokens, "duration_noise": {2: "tokens"}, "log_durations": tokens, "prior_means": tokens, "prior_log_variances": tokens},
        ),
        decoder=(
            Decoder(model), dict(latents=torch.randn(1, model.config.flow_size, 23), **speaker), ["waveform"],
            {"latents": {2: "frames"}, "waveform": {1: "samples"}},
        ),
    )
    for name, graph in parts.items():
        write_graph(*graph, out / "onnx" / f"{name}.onnx", storage, external)
    write_config(source, out)
    copy_files(source, out, ["vocab.json", "tokenizer_config.json"])


if __name__ == "__main__":
    Command(__doc__).run(export_vits)
