"""PyTorch as the neural engines use it: which device, how many threads, which random numbers."""

import random

import numpy as np
import torch

from sts_service.engines.base import EngineLoadError, EngineOptions

_SEED = 20_211


def device(options: EngineOptions) -> str:
    """Return the device to load a model on; ``EngineLoadError`` where it is not there.

    One thread for each process: the worker processes share the cores among them.
    """
    torch.set_num_threads(1)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise EngineLoadError(
            f"DEVICE=cuda, but PyTorch {torch.__version__} finds no CUDA device, and the shipped "
            "image is made for the CPU alone; remedy: DEVICE=cpu, or an image and a container of "
            "your own, as docs/engines.md says"
        )
    return options.device


def reseed() -> None:
    """Let whatever draws random numbers next draw the same ones each time."""
    random.seed(_SEED)
    # The libraries draw from NumPy's global generator.
    np.random.seed(_SEED)
    torch.manual_seed(_SEED)
