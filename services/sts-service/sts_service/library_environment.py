"""What the engines' libraries find in the environment of a worker process."""

import os
import tempfile
from pathlib import Path

_FIXED = {
    # The worker processes share the cores among them.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # A model that is not there is an error, not a download.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}


def prepare_environment() -> None:
    """Set what the libraries read when they are imported; child processes inherit it."""
    os.environ.update(_FIXED)
    # librosa keeps compiled code, by default beside its source, which nobody may write here.
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "numba-cache"))
