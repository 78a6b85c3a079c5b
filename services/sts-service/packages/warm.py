"""Runs each engine's libraries once, so that Python and Numba keep what they compile.

Started without its bytecode, a worker takes seconds longer; without Numba's cache librosa alone
compiles for 20 s. The models are tiny ones made up here: what they say does not matter.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable

# What the engines import only once they have a model of their own is named here too.
IMPORTED = (
    "aiohttp.web",
    "aiohttp.client",
    "multiprocessing.spawn",
    "pebble",
    "prometheus_client",
    "pydantic",
    "pydantic_settings",
    "socketio",
    "soxr",
    "structlog",
    "pocketsphinx",
    "huggingface_hub",
    "fsspec.implementations.local",
    "sacremoses",
    "TTS.tts.configs.speedy_speech_config",
    "TTS.tts.configs.vits_config",
)


def _imports() -> None:
    for module in IMPORTED:
        importlib.import_module(module)


def _recognition() -> None:
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415
    import whisper  # noqa: PLC0415
    from whisper.model import ModelDimensions, Whisper  # noqa: PLC0415

    model = Whisper(
        ModelDimensions(
            n_mels=80,
            n_audio_ctx=1500,
            n_audio_state=16,
            n_audio_head=1,
            n_audio_layer=1,
            n_vocab=51865,
            n_text_ctx=448,
            n_text_state=16,
            n_text_head=1,
            n_text_layer=1,
        )
    )
    silence = np.zeros(whisper.audio.SAMPLE_RATE, dtype=np.float32)
    model.transcribe(silence, language="en", temperature=0.0, fp16=False, sample_len=4)
    with tempfile.TemporaryFile() as checkpoint:
        torch.save(model.state_dict(), checkpoint)
        checkpoint.seek(0)
        torch.load(checkpoint, weights_only=True)


def _translation() -> None:
    import torch  # noqa: PLC0415
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer  # noqa: PLC0415

    config = MarianConfig(
        vocab_size=16,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=1,
        decoder_attention_heads=1,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=16,
        pad_token_id=15,
        eos_token_id=0,
        forced_eos_token_id=0,
        decoder_start_token_id=15,
    )
    MarianMTModel(config).eval().generate(torch.tensor([[1, 2, 0]]), max_new_tokens=4)
    importlib.import_module(MarianTokenizer.__module__)


def _synthesis() -> None:
    import numpy as np  # noqa: PLC0415

    for model in ("forward_tts", "vits"):
        importlib.import_module(f"TTS.tts.models.{model}")
    importlib.import_module("TTS.utils.synthesizer")
    from TTS.config.shared_configs import BaseAudioConfig  # noqa: PLC0415
    from TTS.utils.audio import AudioProcessor  # noqa: PLC0415

    processor = AudioProcessor(BaseAudioConfig(griffin_lim_iters=10))
    spectrum = processor.melspectrogram(np.random.default_rng(0).random(22050).astype(np.float32))
    processor.inv_melspectrogram(spectrum)


def main() -> int:
    """Warm everything up, and say how long each part took."""
    parts: tuple[Callable[[], None], ...] = (_imports, _recognition, _translation, _synthesis)
    for part in parts:
        started = time.monotonic()
        part()
        print(f"{part.__name__.strip('_')}: {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
