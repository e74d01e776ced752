"""Records the masks that Transformers finds in small pictures with a tiny SAM 2 of random weights.

    python make_mask_references.py

README.md describes the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2MaskDecoderConfig, Sam2Model, Sam2PromptEncoderConfig, Sam2VisionConfig

from make_caption_references import stretched
from make_edit_references import source_picture
from make_references import HERE, SOURCE, rounded, seeded, write_json

sys.path.insert(0, str(HERE.parent / "export"))
from export_sam2 import export_sam2  # noqa: E402

HOW = "models/references/make_mask_references.py"
SIDE = 64
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PICTURES = {"wide": (75, 50), "small": (9, 13)}
WISHES = [
    dict(picture="wide", point_coords=[[20, 30]], point_labels=[1]),
    dict(picture="wide", point_coords=[[20, 30], [60.5, 11]], point_labels=[1, 0]),
    dict(picture="wide", point_coords=[[0.25, 0.5]], point_labels=[1], normalize_coords=False),
    dict(picture="wide", box=[10, 5, 40, 44]),
    dict(picture="wide", box=[10, 5, 40, 44], point_coords=[[20, 30]], point_labels=[0]),
    dict(picture="wide"),
    dict(picture="wide", point_coords=[[20, 30]], point_labels=[1], mask_input=True),
    dict(picture="wide", point_coords=[[20, 30]], point_labels=[1], multimask_output=False),
    dict(picture="wide", box=[10, 5, 40, 44], mask_input=True, multimask_output=False),
    dict(picture="small", point_coords=[[4, 4]], point_labels=[1]),
    dict(picture="small", box=[1, 1, 7, 11], multimask_output=False),
    # Unlike those above, the single mask is not stable here: the best of three takes its place.
    dict(picture="small", point_coords=[[4, 4]], point_labels=[1], multimask_output=False),
    dict(picture="small", mask_input=True),
    dict(picture="small", box=[0.1, 0.1, 0.8, 0.9], normalize_coords=False),
    dict(picture="small", point_coords=[[4, 4], [7, 2]], point_labels=[1, 0], return_logits=False),
]


def make_model() -> Sam2Model:
    torch.manual_seed(600)  # what tells places apart is no parameter, and drawn when the model is made
    backbone = Sam2HieraDetConfig(
        hidden_size=8, image_size=[SIDE, SIDE], blocks_per_stage=[1, 1, 2, 1], embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 2, 4, 2], global_attention_blocks=[3], window_positional_embedding_background_size=[4, 4],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone.to_dict(), backbone_channel_list=[64, 32, 16, 8], backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]], fpn_hidden_size=32,
    )
    prompts = Sam2PromptEncoderConfig(hidden_size=32, image_size=SIDE, patch_size=16, mask_input_channels=8)
    decoder = Sam2MaskDecoderConfig(hidden_size=32, mlp_dim=48, num_attention_heads=2, iou_head_hidden_dim=24)
    model = seeded(Sam2Model(Sam2Config(vision_config=vision.to_dict(), prompt_encoder_config=prompts.to_dict(), mask_decoder_config=decoder.to_dict())), 601)
    with torch.no_grad():
        # A buffer in both places where it is used; float16 storage would round it.
        positions = model.shared_image_embedding.positional_embedding.half().float()
        model.shared_image_embedding.positional_embedding.copy_(positions)
        model.prompt_encoder.shared_embedding.positional_embedding.copy_(positions)
        # Weak answers to prompts would make all masks alike.
        for name, weights in model.mask_decoder.named_parameters():
            if "hypernetworks" in name and weights.dim() > 1:
                weights.mul_(2)
            weights.copy_(weights.half().float())
    return model


def predict(model: Sam2Model, seen: list[torch.Tensor], wish: dict, size: tuple[int, int], mask: torch.Tensor | None):
    """The way of the network's runners: without points and box the decoder reads no tokens, where Transformers would invent two."""
    multi = wish.get("multimask_output", True)
    scale = torch.tensor([SIDE / size[0], SIDE / size[1]]) if wish.get("normalize_coords", True) else torch.tensor([SIDE, SIDE])
    points = box = labels = None
    if "point_coords" in wish:
        points = (torch.tensor(wish["point_coords"], dtype=torch.float32) * scale)[None, None]
        labels = torch.tensor(wish["point_labels"])[None, None]
    if "box" in wish:
        box = (torch.tensor(wish["box"], dtype=torch.float32).reshape(2, 2) * scale).reshape(1, 1, 4)
    if points is not None or box is not None:
        out = model(image_embeddings=list(seen), input_points=points, input_labels=labels, input_boxes=box, input_masks=mask, multimask_output=multi)
        return out.pred_masks[0, 0], out.iou_scores[0, 0]
    encoder = model.prompt_encoder
    blank = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(1, -1, *encoder.image_embedding_size)
    dense = blank if mask is None else encoder.mask_embed(mask)
    masks, scores, _, _ = model.mask_decoder(
        image_embeddings=seen[-1], image_positional_embeddings=model.get_image_wide_positional_embeddings(), sparse_prompt_embeddings=torch.zeros(1, 1, 0, 32),
        dense_prompt_embeddings=dense, multimask_output=multi, high_resolution_features=list(seen[:-1]),
    )
    return masks[0, 0], scores[0, 0]


def make(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temp, torch.no_grad():
        folder = Path(temp)
        make_model().save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(dict(
            image_processor_type="Sam2ImageProcessorFast", do_resize=True, do_rescale=True, do_normalize=True, image_mean=MEAN, image_std=DEVIATION,
            resample=2, rescale_factor=1 / 255, size=dict(height=SIDE, width=SIDE), mask_size=dict(height=SIDE // 4, width=SIDE // 4),
        ), indent=2) + "\n")
        model = Sam2Model.from_pretrained(folder, attn_implementation="eager").eval()
        export_sam2(folder, out / "model", storage="fp16")
        low = torch.Generator("cpu").manual_seed(602)
        given = (4 * torch.randn(1, 1, SIDE // 4, SIDE // 4, generator=low)).half().float()
        seen = {}
        for name, size in PICTURES.items():
            picture = source_picture(*size)
            picture.save(out / f"{name}.png", optimize=True)
            pixels = np.asarray(stretched(picture, SIDE, Image.Resampling.BILINEAR)).astype(np.float64) / 255
            pixels = torch.tensor(((pixels - MEAN) / DEVIATION).transpose(2, 0, 1)[None].astype(np.float32))
            (out / f"{name}.pixels.f32").write_bytes(pixels.numpy().tobytes())
            seen[name] = model.get_image_embeddings(pixels)
        cases = []
        for i, wish in enumerate(WISHES):
            size = PICTURES[wish["picture"]]
            low_masks, scores = predict(model, seen[wish["picture"]], wish, size, given if "mask_input" in wish else None)
            order = torch.argsort(scores, descending=True, stable=True)
            low_masks, scores = low_masks[order], scores[order]
            masks = torch.nn.functional.interpolate(low_masks[None], size=(size[1], size[0]), mode="bilinear", align_corners=False)[0]
            if not wish.get("return_logits", True):
                if masks.abs().min() < 1e-3:
                    raise SystemExit(f"sam2: whether a place of mask {i} belongs to it is a matter of rounding")
                masks = (masks > 0).float()
            files = {}
            for part, tensor in dict(masks=masks, logits=low_masks.clamp(-32, 32)).items():
                files[part] = dict(file=f"{part}-{i}.f32", shape=list(tensor.shape))
                (out / f"{part}-{i}.f32").write_bytes(tensor.contiguous().numpy().tobytes())
            told = dict(wish, picture=f"{wish['picture']}.png")
            if "mask_input" in told:
                told["mask_input"] = rounded(given[0].tolist())
            cases.append(dict(input=told, expected=dict(pixels=dict(file=f"{wish['picture']}.pixels.f32", shape=[1, 3, SIDE, SIDE]), scores=rounded(scores), **files)))
        write_json(out / "masks.json", dict(source=SOURCE, how=HOW, family="sam2", masks=cases))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    out = args.out / "sam2"
    make(out)
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    if size > 1_000_000:
        raise SystemExit(f"sam2: {size} bytes are more than the 1 MB a family may take")
    print(f"sam2: {size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
