"""Makes a tiny random-weight model of each Stable Diffusion family and records what Diffusers makes of it.

    python make_references.py              # all families and the schedulers
    python make_references.py sd1 sdxl     # some

The weights mean nothing; they only have to be the same on both sides. README.md describes the files.
"""

from __future__ import annotations

import argparse
import inspect
import json
import shutil
import sys
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import onnxruntime
import torch
import transformers
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "export"))
from export import export  # noqa: E402
from small_tokenizer import END, make_tokenizer  # noqa: E402

SOURCE = f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}, float32 on CPU"
HOW = "models/references/make_references.py"
SIDE = 64

SCHEDULERS = {
    "EulerDiscreteScheduler": EulerDiscreteScheduler,
    "EulerAncestralDiscreteScheduler": EulerAncestralDiscreteScheduler,
    "DDIMScheduler": DDIMScheduler,
    "PNDMScheduler": PNDMScheduler,
    "LCMScheduler": LCMScheduler,
    "DPMSolverMultistepScheduler": DPMSolverMultistepScheduler,
}

CORPUS = [
    "a large red circle on a blue background", "a photo of a cat, sitting on the grass at night", "the quick brown fox jumps over the lazy dog",
    "an oil painting of a river between green hills", "blurry, low quality", "portrait of an old sailor, dramatic light",
]
PROMPT, OTHER, NEGATIVE = "a photo of a red fox on the grass", "an old river at night, dramatic light", "blurry, low quality"
TEXTS = [
    "", " ", "a", PROMPT, NEGATIVE, "A  Large\tRED\ncircle", "fox's tail, it's 3 o'clock; 12345 km/h!", "naïve café — Ünïcödé ß Straße", "日本語のテキスト",
    "emoji 🙂👍🏽 family 👨‍👩‍👧", "e\u0301 combining versus é", "<|endoftext|> inside <|startoftext|>", "fish & chips &amp; <b>bold</b>", "\u00a0no\u2009break\u3000space ",
    "one " * 90, "wordswithoutanyspaces" * 12, "!!! ... ??? ###", "\x00control\x1f characters\u200b", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﬁ ligature №",
]

BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
FAMILIES = {
    "sd1": dict(
        scheduler=dict(_class_name="PNDMScheduler", **BETAS, clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, trained_betas=None),
        guidance=7.5,
    ),
    "sd2": dict(
        scheduler=dict(_class_name="DDIMScheduler", **BETAS, clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1,
                       prediction_type="v_prediction", trained_betas=None),
        guidance=7.5, pad="!",
    ),
    "turbo": dict(
        scheduler=dict(_class_name="EulerDiscreteScheduler", **BETAS, clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1,
                       prediction_type="epsilon", timestep_spacing="trailing", interpolation_type="linear", use_karras_sigmas=False, trained_betas=None),
        guidance=0.0, pad="!",
    ),
    "lcm": dict(
        scheduler=dict(_class_name="LCMScheduler", **BETAS, clip_sample=False, clip_sample_range=1.0, dynamic_thresholding_ratio=0.995,
                       original_inference_steps=50, prediction_type="epsilon", rescale_betas_zero_snr=False, sample_max_value=1.0,
                       set_alpha_to_one=True, skip_prk_steps=True, steps_offset=1, thresholding=False, timestep_scaling=10.0,
                       timestep_spacing="leading", trained_betas=None),
        guidance=8.5, unet=dict(time_cond_proj_dim=256),
    ),
    "sdxl": dict(
        scheduler=dict(_class_name="EulerDiscreteScheduler", **BETAS, clip_sample=False, interpolation_type="linear", prediction_type="epsilon",
                       sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, timestep_spacing="leading",
                       trained_betas=None, use_karras_sigmas=False),
        guidance=5.0, xl=True,
    ),
    "sdxl-turbo": dict(
        scheduler=dict(_class_name="EulerAncestralDiscreteScheduler", **BETAS, clip_sample=False, interpolation_type="linear", prediction_type="epsilon",
                       sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, timestep_spacing="trailing",
                       trained_betas=None, use_karras_sigmas=False),
        guidance=0.0, xl=True,
    ),
    "sdxl-lightning": dict(
        scheduler=dict(_class_name="EulerDiscreteScheduler", **BETAS, clip_sample=False, interpolation_type="linear", prediction_type="epsilon",
                       sample_max_value=1.0, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1, timestep_spacing="trailing",
                       trained_betas=None, use_karras_sigmas=False),
        guidance=0.0, xl=True,
    ),
}


def rounded(values, digits: int = 7):
    """Floats at about float32's precision, so that the files stay small and stable."""
    if isinstance(values, torch.Tensor):
        values = values.detach().to(torch.float64).flatten().tolist() if values.dim() else values.item()
    if isinstance(values, (list, tuple)):
        return [rounded(v, digits) for v in values]
    return values if isinstance(values, (int, str)) else float(f"{values:.{digits}g}")


def write_json(path: Path, value) -> None:
    """One line a case: small, and a change shows as a changed line."""
    lines = []
    for key, part in value.items():
        if isinstance(part, list):
            rows = ",\n".join("    " + json.dumps(row, ensure_ascii=True) for row in part)
            lines.append(f"  {json.dumps(key)}: [\n{rows}\n  ]")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(part)}")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


# Schedulers --------------------------------------------------------------------------------------------------------------


def toy_model(scaled: torch.Tensor, t) -> torch.Tensor:
    return 0.3 * scaled + 0.1 * float(t) / 1000


def new_scheduler(name: str, config: dict):
    """Every key the class knows is taken from the file as it stands; the others take the class's default."""
    keys = inspect.signature(SCHEDULERS[name].__init__).parameters
    return SCHEDULERS[name].from_config({k: v for k, v in config.items() if k in keys})


def scheduler_case(name: str, config: dict, steps: int) -> dict:
    scheduler = new_scheduler(name, config)
    scheduler.set_timesteps(steps)
    generator = torch.Generator("cpu").manual_seed(42)
    x = torch.randn(1, 1, 4, 4, generator=generator)
    start = x = x * scheduler.init_noise_sigma
    latents = []
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t)
        takes = "generator" in scheduler.step.__code__.co_varnames
        x = scheduler.step(toy_model(scaled, t), t, x, **({"generator": generator} if takes else {})).prev_sample
        latents.append(rounded(x))
    expected = dict(timesteps=rounded(scheduler.timesteps.to(torch.float64)), init_noise_sigma=rounded(float(scheduler.init_noise_sigma)))
    if name in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler"):
        expected["sigmas"] = rounded(scheduler.sigmas)
    return dict(input=dict(scheduler=name, config=config, steps=steps, seed=42, start=rounded(start)), expected=dict(**expected, latents=latents))


def make_schedulers(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    cases = []
    base = dict(**BETAS, clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1)
    for name in SCHEDULERS:
        for spacing in ("leading", "linspace", "trailing"):
            if name == "LCMScheduler" and spacing != "leading":
                continue  # its timesteps do not depend on the spacing
            offset = 1 if spacing == "leading" else 0
            for prediction in ("epsilon", "v_prediction"):
                for steps in (4, 8):
                    cases.append(scheduler_case(name, {**base, "timestep_spacing": spacing, "prediction_type": prediction, "steps_offset": offset}, steps))
        cases.append(scheduler_case(name, {**base, "prediction_type": "sample"} if name not in ("PNDMScheduler", "EulerAncestralDiscreteScheduler") else base, 5))
        cases.append(scheduler_case(name, {**base, "timestep_spacing": "leading"}, 20))
        cases.append(scheduler_case(name, {**base, "timestep_spacing": "leading"}, 1))
        cases.append(scheduler_case(name, {"skip_prk_steps": True}, 7))  # every other key at its class's default
        # The starter model's own curve and spacing.
        cases.append(scheduler_case(name, {**base, "beta_end": 0.02, "prediction_type": "v_prediction", "timestep_spacing": "trailing", "steps_offset": 0}, 8))
        cases.append(scheduler_case(name, {**base, "set_alpha_to_one": True, "clip_sample": True, "steps_offset": 0, "beta_schedule": "linear"}, 6))
    for name in ("EulerDiscreteScheduler", "DPMSolverMultistepScheduler"):
        for prediction in ("epsilon", "v_prediction"):
            cases.append(scheduler_case(name, {**base, "timestep_spacing": "leading", "prediction_type": prediction, "use_karras_sigmas": True}, 8))
    cases.append(scheduler_case("DPMSolverMultistepScheduler", {**base, "timestep_spacing": "leading"}, 16))
    for name in ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "DDIMScheduler", "LCMScheduler"):
        cases.append(scheduler_case(name, {**base, "timestep_spacing": "trailing", "rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "steps_offset": 0}, 4))
    write_json(out / "references.json", dict(source=SOURCE, how=HOW, cases=cases))


# Families ----------------------------------------------------------------------------------------------------------------


def seeded(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Random weights of a useful size, rounded to what float16 storage keeps, so that export loses nothing."""
    generator = torch.Generator("cpu").manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if p.dim() > 1:
                fan = p[0].numel() if "embedding" not in name else 4
                p.copy_(torch.randn(p.shape, generator=generator) * fan**-0.5)
            elif "norm" in name and name.endswith("weight"):
                p.copy_(1 + 0.1 * torch.randn(p.shape, generator=generator))
            else:
                p.copy_(0.05 * torch.randn(p.shape, generator=generator))
            p.copy_(p.half().float())
    return module.eval()


def text_config(tokenizer: CLIPTokenizer, act: str, eos: int | None = None) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=77,
        hidden_act=act, projection_dim=32, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )


def build(name: str, family: dict, folder: Path):
    """The tiny pipeline, saved to `folder` and loaded again, the way a checkpoint would be."""
    xl = family.get("xl", False)
    seed = list(FAMILIES).index(name) * 10 + 1
    tokenizer = make_tokenizer(folder / "tokenizer", CORPUS, family.get("pad", END))
    parts = dict(tokenizer=tokenizer)
    text = seeded(CLIPTextModel(text_config(tokenizer, "quick_gelu" if name in ("sd1", "lcm") or xl else "gelu")), seed)
    extra = {}
    if xl:
        parts["tokenizer_2"] = make_tokenizer(folder / "tokenizer_2", CORPUS, "!")
        parts["text_encoder_2"] = seeded(CLIPTextModelWithProjection(text_config(parts["tokenizer_2"], "gelu")), seed + 1)
        extra = dict(addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=32 + 6 * 8, use_linear_projection=True)
    unet = UNet2DConditionModel(
        sample_size=8, out_channels=4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=64 if xl else 32, attention_head_dim=(2, 4), **{"in_channels": 4, **extra, **family.get("unet", {})},
    )
    seeded(unet, seed + 2)
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4, layers_per_block=1, norm_num_groups=4, sample_size=SIDE, scaling_factor=0.13025 if xl else 0.18215, force_upcast=xl,
    )
    seeded(vae, seed + 3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(0.5)
        unet.conv_out.weight.mul_(2)  # so that a wrong step or a wrong prompt is well outside the tolerance
    scheduler = SCHEDULERS[family["scheduler"]["_class_name"]].from_config(family["scheduler"])
    parts |= dict(text_encoder=text, unet=unet, vae=vae, scheduler=scheduler)
    if xl:
        pipe = StableDiffusionXLPipeline(**parts, force_zeros_for_empty_prompt=True, add_watermarker=False)
    else:
        pipe = StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.save_pretrained(folder)
    for sub, pad in (("tokenizer", family.get("pad", END)), ("tokenizer_2", "!")):
        if (folder / sub).exists():
            make_tokenizer(folder / sub, CORPUS, pad)
    # As the published files have it: only these keys, so that absent ones take each class's default.
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(family["scheduler"], indent=2) + "\n")
    pipe = type(pipe).from_pretrained(folder, **({"add_watermarker": False} if xl else {"safety_checker": None, "requires_safety_checker": False}))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def check_export(out: Path, texts: list, unets: list, vaes: list) -> None:
    """The exported graphs give what the models gave; otherwise the references would be of something else."""

    def read(tensor: dict) -> np.ndarray:
        value = np.fromfile(out / tensor["file"], "<f4").reshape(tensor["shape"])
        return np.clip(value, *tensor["clamp"]) if "clamp" in tensor else value

    def compare(part: str, given: dict, expected: dict) -> None:
        session = onnxruntime.InferenceSession(str(out / "model" / part / "model.onnx"), providers=["CPUExecutionProvider"])
        names = list(expected)
        for name, got in zip(names, session.run(names, given)):
            worst = float(np.abs(got - read(expected[name])).max())
            if worst > 1e-4:
                raise SystemExit(f"{out.name}: {part} {name} is off by {worst}")

    for case in texts:
        compare(case["input"]["encoder"], {"input_ids": np.array([case["input"]["input_ids"]], np.int64)}, case["expected"])
    for case in unets:
        given = {k: np.float32(v) if k == "timestep" else read(v) for k, v in case["input"].items()}
        compare("unet", {k: np.asarray(v, np.float32) for k, v in given.items()}, case["expected"])
    for case in vaes:
        given = {k: read(v) for k, v in case["input"].items() if k != "part"}
        compare(case["input"]["part"], given, case["expected"])


def make_family(name: str, out: Path) -> None:
    family = FAMILIES[name]
    xl = family.get("xl", False)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    tensors: dict[str, list[int]] = {}

    def tensor(label: str, value: torch.Tensor) -> dict:
        file = f"{label}.f32"
        (out / file).write_bytes(value.detach().float().contiguous().numpy().astype("<f4").tobytes())
        return dict(file=file, shape=list(value.shape))

    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        pipe = build(name, family, folder)
        export(folder, out / "model", storage="fp16")

        tokens = []
        for label in ("tokenizer", "tokenizer_2") if xl else ("tokenizer",):
            tokenizer = CLIPTokenizer.from_pretrained(folder / label)
            for text in TEXTS:
                ids = tokenizer(text, padding="max_length", max_length=77, truncation=True).input_ids
                tokens.append(dict(input=dict(tokenizer=label, text=text), expected=dict(ids=ids)))

        texts = []
        for label in ("text_encoder", "text_encoder_2") if xl else ("text_encoder",):
            encoder, tokenizer = getattr(pipe, label), getattr(pipe, label.replace("text_encoder", "tokenizer"))
            ids = tokenizer(PROMPT, padding="max_length", max_length=77, truncation=True).input_ids
            result = encoder(torch.tensor([ids]), output_hidden_states=True)
            pooled = dict(text_embeds=result.text_embeds) if label == "text_encoder_2" else dict(pooler_output=result.pooler_output)
            wanted = dict(last_hidden_state=result.last_hidden_state, **pooled)
            if xl:
                wanted[f"hidden_states.{len(result.hidden_states) - 2}"] = result.hidden_states[-2]
            texts.append(dict(input=dict(encoder=label, text=PROMPT, input_ids=ids), expected={k: tensor(f"{label}.{k}", v) for k, v in wanted.items()}))

        g = torch.Generator("cpu").manual_seed(7)
        config = pipe.unet.config
        sample = torch.randn(2, 4, 8, 8, generator=g)
        states = torch.randn(2, 77, config.cross_attention_dim, generator=g)
        given = dict(sample=sample, encoder_hidden_states=states)
        added = None
        if xl:
            added = dict(text_embeds=torch.randn(2, 32, generator=g), time_ids=torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2))
            given |= added
        condition = None
        if config.time_cond_proj_dim is not None:
            condition = torch.randn(2, config.time_cond_proj_dim, generator=g)
            given["timestep_cond"] = condition
        result = pipe.unet(sample, torch.tensor(501), states, timestep_cond=condition, added_cond_kwargs=added).sample
        unets = [dict(input=dict(timestep=501, **{k: tensor(f"unet.{k}", v) for k, v in given.items()}), expected=dict(out_sample=tensor("unet.out_sample", result)))]

        latent = torch.randn(1, 4, 8, 8, generator=g)
        decoded = pipe.vae.decode(latent).sample
        moments = pipe.vae.encode(decoded.clamp(-1, 1)).latent_dist.parameters
        vaes = [
            dict(input=dict(part="vae_decoder", latent_sample=tensor("vae.latent_sample", latent)), expected=dict(sample=tensor("vae.sample", decoded))),
            dict(input=dict(part="vae_encoder", sample=dict(file="vae.sample.f32", shape=list(decoded.shape), clamp=[-1, 1])),
                 expected=dict(latent_parameters=tensor("vae.latent_parameters", moments))),
        ]

        own = family["scheduler"]["_class_name"]
        guidance = family["guidance"]
        plain = dict(prompt=PROMPT, negative_prompt=None, seed=42, width=SIDE, height=SIDE, steps=4, guidance=guidance)
        wishes = [dict(scheduler=s, **{**plain, "negative_prompt": NEGATIVE if guidance > 1 else None}) for s in SCHEDULERS]
        wishes += [
            dict(scheduler=own, **plain),
            dict(scheduler=own, **{**plain, "prompt": OTHER, "seed": 43, "width": 88, "steps": 3}),
            dict(scheduler=own, **{**plain, "seed": 2**32 - 1, "steps": 1 if guidance == 0 else 2}),
            dict(scheduler=own, **{**plain, "guidance": 2.5, "steps": 8, "negative_prompt": None if xl else ""}),
        ]
        if xl:
            wishes.append(dict(scheduler=own, **{**plain, "prompt_2": OTHER, "guidance": 3.0, "negative_prompt": NEGATIVE}))
        images = []
        scheduler_config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        for i, wish in enumerate(wishes):
            pipe.scheduler = new_scheduler(wish["scheduler"], scheduler_config)
            call = dict(prompt=wish["prompt"], negative_prompt=wish["negative_prompt"], width=wish["width"], height=wish["height"],
                        num_inference_steps=wish["steps"], guidance_scale=wish["guidance"])
            if "prompt_2" in wish:
                call["prompt_2"] = wish["prompt_2"]
            picture, latents = (
                pipe(**call, output_type=kind, generator=torch.Generator("cpu").manual_seed(wish["seed"])).images[0] for kind in ("pil", "latent")
            )
            file = f"image-{i}.png"
            picture.save(out / file, optimize=True)
            images.append(dict(input=wish, expected=dict(file=file, latents=tensor(f"image-{i}.latents", latents[None]))))
        check_export(out, texts, unets, vaes)
        write_json(out / "references.json", dict(source=SOURCE, how=f"{HOW} {name}", family=name, tokens=tokens, texts=texts, unet=unets, vae=vaes, images=images))
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    if size > 1_000_000:
        raise SystemExit(f"{name}: {size} bytes are more than the 1 MB a family may take")
    print(f"{name}: {size / 1000:.0f} kB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"schedulers, {', '.join(FAMILIES)}")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names or ["schedulers", *FAMILIES]:
        if name == "schedulers":
            make_schedulers(args.out / "schedulers")
        else:
            make_family(name, args.out / name)


if __name__ == "__main__":
    main()
