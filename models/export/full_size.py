"""Makes a checkpoint of a published model's size with random weights, and exports it with the command for real ones.

    python full_size.py whisper-tiny OUT                  # what follows OUT goes on to the export
    python full_size.py sd-1.5 OUT --storage fp16

Says nothing sensible, and shows what the size does: to the export, to loading, memory and time. `npm run bench -- pipelines
--models DIRECTORY` measures what is made. Sizes are those that the models' authors published. Tokenizers know few words; their
other tokens are made up, so that any of them can be written. What ends a text is never the likeliest, so that all are of a
known length.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLTemporalDecoder,
    DDIMScheduler,
    DDPMScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    UNet2DConditionModel,
    UNetSpatioTemporalConditionModel,
)
from transformers import (
    BartConfig,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipTextConfig,
    BlipVisionConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2VisionConfig,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Sam2Config,
    Sam2HieraDetConfig,
    Sam2Model,
    Sam2VisionConfig,
    SpeechT5Config,
    SpeechT5ForTextToSpeech,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    Swin2SRConfig,
    Swin2SRForImageSuperResolution,
    Swin2SRImageProcessor,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTModel,
    VitsConfig,
    VitsModel,
    VitsTokenizer,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from small_tokenizer import END, bert_tokenizer, byte_level_tokenizer, make_tokenizer, padded

HERE = Path(__file__).parent
TEXTS = ["a picture of a large red circle on a blue background", "Say hello. Tell me all that you know.", "the same in green"]
WORDS = " ".join(TEXTS).lower().replace(".", " .").split()
# Of what is said in five seconds, with what stands before it.
SAID = 32
IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


def never(weights: torch.Tensor, *tokens: int) -> None:
    """Rows of an embedding that also scores: zero is less than the best of thousands of random scores."""
    with torch.no_grad():
        weights[list(tokens)] = 0


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


# Sound -------------------------------------------------------------------------------------------------------------------


def whisper(folder: Path, width: int, layers: int, decoder_layers: int, bins: int, languages: int) -> list:
    """Sources: the configurations of openai/whisper-*, distil-whisper/distil-large-v3."""
    words = 50_257
    tokenizer = padded(byte_level_tokenizer(TEXTS, 330), words)
    spoken = [f"<|{code}|>" for code in list(LANGUAGES)[:languages]]
    tasks = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    special = ["<|endoftext|>", "<|startoftranscript|>", *spoken, *tasks]
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens([f"<|{i * 0.02:.2f}|>" for i in range(1501)])
    ids = {text: tokenizer.token_to_id(text) for text in special}
    end, start = ids["<|endoftext|>"], ids["<|startoftranscript|>"]
    ends = dict(bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=start)
    model = WhisperForConditionalGeneration(WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(), d_model=width, encoder_layers=layers, decoder_layers=decoder_layers, num_mel_bins=bins,
        encoder_attention_heads=width // 64, decoder_attention_heads=width // 64, encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, **ends,
        max_target_positions=SAID, suppress_tokens=None, begin_suppress_tokens=None,
    ))
    model.generation_config = GenerationConfig(
        **ends, no_timestamps_token_id=ids["<|notimestamps|>"], max_initial_timestamp_index=50, is_multilingual=True,
        suppress_tokens=[end, start], begin_suppress_tokens=[220], return_timestamps=False, prev_sot_token_id=ids["<|startofprev|>"],
        lang_to_id={text: ids[text] for text in spoken}, task_to_id={"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]},
        alignment_heads=[[decoder_layers - 1, head] for head in range(4)],
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=bins).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", dict(tokenizer_class="WhisperTokenizer", bos_token=special[0], eos_token=special[0], unk_token=special[0],
                                                      pad_token=special[0], additional_special_tokens=special[1:], clean_up_tokenization_spaces=False, errors="replace"))
    return ["export_whisper.py", folder]


def vits(folder: Path) -> list:
    """The library's defaults are those of facebook/mms-tts-*."""
    write_json(folder / "vocab.json", {letter: i for i, letter in enumerate("_abcdefghijklmnopqrstuvwxyz '-0123456")})
    VitsTokenizer(str(folder / "vocab.json"), pad_token="_", unk_token="z", add_blank=True, normalize=True, phonemize=False, is_uroman=False).save_pretrained(folder)
    VitsModel(VitsConfig()).save_pretrained(folder)
    return ["export_vits.py", folder]


def speecht5(folder: Path) -> list:
    """The library's defaults are those of microsoft/speecht5_tts and speecht5_hifigan."""
    import sentencepiece

    (folder / "voices").mkdir()
    (folder / "text").write_text("\n".join(TEXTS * 9))
    sentencepiece.SentencePieceTrainer.train(input=str(folder / "text"), model_prefix=str(folder / "spm_char"), model_type="char", vocab_size=40, hard_vocab_limit=False)
    model = SpeechT5ForTextToSpeech(SpeechT5Config())
    never(model.speech_decoder_postnet.prob_out.weight, 0, 1)
    with torch.no_grad():
        model.speech_decoder_postnet.prob_out.bias.fill_(-9)  # goes on until there is no more room for this text
    model.save_pretrained(folder)
    SpeechT5HifiGan(SpeechT5HifiGanConfig()).save_pretrained(folder / "vocoder")
    for i, name in enumerate(["female-1", "male-1"]):
        np.save(folder / "voices" / name, np.random.default_rng(i).normal(size=512).astype(np.float32))
    return ["export_speecht5.py", folder, folder / "vocoder", folder / "voices"]


# Pictures to words, and to masks -----------------------------------------------------------------------------------------


def vit_gpt2(folder: Path) -> list:
    """Base sizes of both, as nlpconnect/vit-gpt2-image-captioning has them."""
    end = 50_256
    tokenizer = padded(byte_level_tokenizer(TEXTS, 330), end)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>").save_pretrained(folder)
    text = GPT2Config(add_cross_attention=True, is_decoder=True)
    model = VisionEncoderDecoderModel(encoder=ViTModel(ViTConfig(), add_pooling_layer=False), decoder=GPT2LMHeadModel(text))
    never(model.decoder.transformer.wte.weight, end)
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id = config.eos_token_id = config.pad_token_id = end
    model.generation_config.max_length = 16
    model.save_pretrained(folder)
    ViTImageProcessorPil(size=dict(height=224, width=224)).save_pretrained(folder)
    return ["export_vit_gpt2.py", folder]


def blip(folder: Path, large: bool) -> list:
    """Sources: the configurations of Salesforce/blip-image-captioning-base and -large."""
    tokenizer = bert_tokenizer(folder, WORDS, 30_522)
    seen = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16) if large else {}
    text = BlipTextConfig(vocab_size=30_524, num_attention_heads=12, bos_token_id=30_522, sep_token_id=tokenizer.sep_token_id, encoder_hidden_size=1024 if large else 768)
    model = BlipForConditionalGeneration(BlipConfig(text_config=text.to_dict(), vision_config=BlipVisionConfig(**seen, image_size=384, initializer_range=0.02).to_dict()))
    never(model.text_decoder.bert.embeddings.word_embeddings.weight, tokenizer.sep_token_id)
    model.save_pretrained(folder)
    BlipImageProcessorPil(size=dict(height=384, width=384)).save_pretrained(folder)
    return ["export_blip.py", folder]


def florence2(folder: Path) -> list:
    """The configuration of florence-community/Florence-2-base."""
    special, size = ["<s>", "<pad>", "</s>", "<unk>"], 51_289
    tokenizer = padded(byte_level_tokenizer(TEXTS, 330, special, ("<s>", "</s>")), size)
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), special))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    text = BartConfig(vocab_size=size + 1, d_model=768, encoder_layers=6, decoder_layers=6, encoder_attention_heads=12, decoder_attention_heads=12, encoder_ffn_dim=3072,
                      decoder_ffn_dim=3072, max_position_embeddings=1024, decoder_start_token_id=2, forced_eos_token_id=None)
    model = Florence2ForConditionalGeneration(Florence2Config(vision_config=Florence2VisionConfig(projection_dim=768).to_dict(), text_config=text.to_dict(), image_token_id=size))
    never(model.model.language_model.shared.weight, 2)
    model.generation_config.update(decoder_start_token_id=2, bos_token_id=0, eos_token_id=2, pad_token_id=1, forced_bos_token_id=0, no_repeat_ngram_size=3, num_beams=1, max_length=24)
    model.save_pretrained(folder)
    prepare = BlipImageProcessorPil(size=dict(height=768, width=768), **IMAGENET)
    prepare.save_pretrained(folder)
    described = json.loads((folder / "preprocessor_config.json").read_text())
    tasks = {"<CAPTION>": "a picture of", "<DETAILED_CAPTION>": "Tell me all of a picture"}
    write_json(folder / "preprocessor_config.json", described | dict(image_processor_type="CLIPImageProcessor", task_prompts_without_inputs=tasks))
    return ["export_florence2.py", folder]


def sam2(folder: Path, **backbone) -> list:
    """Sources: the configurations of facebook/sam2.1-hiera-*; the library's defaults are those of the tiny one."""
    hiera = Sam2HieraDetConfig(**backbone)
    channels = list(reversed(hiera.embed_dim_per_stage))
    vision = Sam2VisionConfig(backbone_config=hiera.to_dict(), backbone_channel_list=channels)
    Sam2Model(Sam2Config(vision_config=vision.to_dict())).save_pretrained(folder)
    write_json(folder / "preprocessor_config.json", dict(
        image_processor_type="Sam2ImageProcessorFast", do_resize=True, do_rescale=True, do_normalize=True, resample=2, rescale_factor=1 / 255,
        size=dict(height=1024, width=1024), mask_size=dict(height=256, width=256), **IMAGENET,
    ))
    return ["export_sam2.py", folder]


# Texts and pictures to pictures ------------------------------------------------------------------------------------------


def swin2sr(folder: Path) -> list:
    """The configuration of caidas/swin2SR-realworld-sr-x4-64-bsrgan-psnr."""
    Swin2SRForImageSuperResolution(Swin2SRConfig(upscale=4, upsampler="nearest+conv")).save_pretrained(folder)
    Swin2SRImageProcessor().save_pretrained(folder)
    return ["export_swin2sr.py", folder]


BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


def write_parts(folder: Path, pipeline: str, **parts) -> None:
    """One after the other, so that never more than one is in memory."""
    index = dict(_class_name=pipeline)
    for name, make in parts.items():
        part = make()
        part.save_pretrained(folder / name)
        index[name] = [type(part).__module__.split(".")[0], type(part).__name__]
        del part
    write_json(folder / "model_index.json", index)


def text_encoder(folder: Path, name: str, pad: str, cls: type, **config):
    tokenizer = make_tokenizer(folder / name, TEXTS, pad)
    ids = dict(bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return cls(CLIPTextConfig(vocab_size=49_408, **config, **ids))


LARGE = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu", projection_dim=768)
HUGE = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act="gelu", projection_dim=512)
BIG_G = dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act="gelu", projection_dim=1280)


def vae(channels: tuple[int, ...] = (128, 256, 512, 512), **config) -> AutoencoderKL:
    levels = len(channels)
    return AutoencoderKL(block_out_channels=channels, layers_per_block=2, latent_channels=4, **config,
                         down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels)


def sd_1_5(folder: Path) -> list:
    """The configuration of runwayml/stable-diffusion-v1-5."""
    write_parts(
        folder, "StableDiffusionPipeline", text_encoder=partial(text_encoder, folder, "tokenizer", END, CLIPTextModel, **LARGE), vae=partial(vae, sample_size=512),
        unet=lambda: UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        scheduler=lambda: PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1),
    )
    return ["export.py", folder]


def sd_turbo(folder: Path) -> list:
    """The configuration of stabilityai/sd-turbo."""
    write_parts(
        folder, "StableDiffusionPipeline", text_encoder=partial(text_encoder, folder, "tokenizer", "!", CLIPTextModel, **HUGE), vae=partial(vae, sample_size=768),
        unet=lambda: UNet2DConditionModel(sample_size=64, cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True),
        scheduler=lambda: EulerDiscreteScheduler(**BETAS, timestep_spacing="trailing"),
    )
    return ["export.py", folder]


def sdxl(folder: Path) -> list:
    """The configuration of stabilityai/stable-diffusion-xl-base-1.0, which sdxl-turbo and Lightning share."""
    write_parts(
        folder, "StableDiffusionXLPipeline", text_encoder=partial(text_encoder, folder, "tokenizer", END, CLIPTextModel, **LARGE),
        text_encoder_2=partial(text_encoder, folder, "tokenizer_2", "!", CLIPTextModelWithProjection, **BIG_G),
        vae=partial(vae, sample_size=1024, scaling_factor=0.13025),
        unet=lambda: UNet2DConditionModel(
            sample_size=128, block_out_channels=(320, 640, 1280), transformer_layers_per_block=(1, 2, 10), attention_head_dim=(5, 10, 20), cross_attention_dim=2048,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816, use_linear_projection=True,
        ),
        scheduler=lambda: EulerDiscreteScheduler(**BETAS, timestep_spacing="leading", steps_offset=1),
    )
    return ["export.py", folder]


def x4_upscaler(folder: Path) -> list:
    """The configuration of stabilityai/stable-diffusion-x4-upscaler."""
    linear = dict(beta_start=0.0001, beta_end=0.02, beta_schedule="scaled_linear")
    write_parts(
        folder, "StableDiffusionUpscalePipeline", text_encoder=partial(text_encoder, folder, "tokenizer", "!", CLIPTextModel, **HUGE),
        vae=partial(vae, (128, 256, 512), sample_size=256, scaling_factor=0.08333),
        unet=lambda: UNet2DConditionModel(
            sample_size=128, in_channels=7, block_out_channels=(256, 512, 512, 1024), attention_head_dim=8, cross_attention_dim=1024, num_class_embeds=1000,
            down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3), up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
            only_cross_attention=(True, True, True, False), use_linear_projection=True,
        ),
        scheduler=lambda: DDIMScheduler(**linear, clip_sample=False, prediction_type="v_prediction", set_alpha_to_one=False, steps_offset=1),
        low_res_scheduler=lambda: DDPMScheduler(**linear),
    )
    return ["export.py", folder]


def svd(folder: Path) -> list:
    """The configuration of stabilityai/stable-video-diffusion-img2vid-xt; the library's defaults are the UNet's."""
    write_parts(
        folder, "StableVideoDiffusionPipeline",
        image_encoder=lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(
            hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, patch_size=14, projection_dim=1024, hidden_act="gelu")),
        vae=lambda: AutoencoderKLTemporalDecoder(
            block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, layers_per_block=2, sample_size=768, force_upcast=True),
        unet=UNetSpatioTemporalConditionModel,
        scheduler=lambda: EulerDiscreteScheduler(**BETAS, prediction_type="v_prediction", sigma_max=700.0, sigma_min=0.002, timestep_spacing="leading",
                                                 timestep_type="continuous", steps_offset=1, use_karras_sigmas=True),
        feature_extractor=CLIPImageProcessor,
    )
    return ["export_svd.py", folder]


# Words -------------------------------------------------------------------------------------------------------------------

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def llama(folder: Path, size: int, **config) -> list:
    """Sources: the configurations of HuggingFaceTB/SmolLM2-* and meta-llama/Llama-3.2-1B-Instruct."""
    tokenizer = padded(byte_level_tokenizer(TEXTS, 340, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]), size)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=CHAT, eos_token="<|im_end|>").save_pretrained(folder)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=size, tie_word_embeddings=True, max_position_embeddings=8192, **config))
    never(model.model.embed_tokens.weight, 0, 2)
    model.generation_config.eos_token_id = 2
    model.save_pretrained(folder)
    return ["export_llm.py", folder]


MODELS = {
    "whisper-tiny": partial(whisper, width=384, layers=4, decoder_layers=4, bins=80, languages=99),
    "whisper-base": partial(whisper, width=512, layers=6, decoder_layers=6, bins=80, languages=99),
    "whisper-medium": partial(whisper, width=1024, layers=24, decoder_layers=24, bins=80, languages=99),
    "whisper-large-v3": partial(whisper, width=1280, layers=32, decoder_layers=32, bins=128, languages=100),
    "distil-large-v3": partial(whisper, width=1280, layers=32, decoder_layers=2, bins=128, languages=100),
    "mms-tts": vits,
    "speecht5": speecht5,
    "vit-gpt2": vit_gpt2,
    "blip-base": partial(blip, large=False),
    "blip-large": partial(blip, large=True),
    "florence-2-base": florence2,
    "sam2-tiny": sam2,
    "sam2-large": partial(
        sam2, hidden_size=144, num_attention_heads=2, blocks_per_stage=[2, 6, 36, 4], embed_dim_per_stage=[144, 288, 576, 1152],
        num_attention_heads_per_stage=[2, 4, 8, 16], window_size_per_stage=[8, 4, 16, 8], global_attention_blocks=[23, 33, 43],
    ),
    "swin2sr": swin2sr,
    "sd-1.5": sd_1_5,
    "sd-turbo": sd_turbo,
    "sdxl": sdxl,
    "x4-upscaler": x4_upscaler,
    "svd-xt": svd,
    "smollm2-135m": partial(llama, size=49_152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3),
    "llama-3.2-1b": partial(llama, size=128_256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32, num_key_value_heads=8),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("out", type=Path)
    args, more = parser.parse_known_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    # Beside the result: what fits there fits twice more likely than among temporary files.
    with tempfile.TemporaryDirectory(dir=args.out.parent, prefix=".checkpoint-") as temp:
        with ProcessPoolExecutor(1) as maker:  # a process of its own, whose memory the export can have
            script, *checkpoint = maker.submit(MODELS[args.name], Path(temp)).result()
        subprocess.run([sys.executable, HERE / script, *checkpoint, args.out, *more], check=True)


if __name__ == "__main__":
    main()
