"""What the engines' libraries find in the environment of a worker process."""

import os
import shutil
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
    own = Path(tempfile.gettempdir()) / "numba-cache"
    # librosa keeps compiled code, by default beside its source, which nobody may write here.
    shipped = Path(os.environ.setdefault("NUMBA_CACHE_DIR", str(own)))
    if shipped.is_dir() and not os.access(shipped, os.W_OK):
        # Numba reads no cache that it cannot write: each worker would compile for 20 s.
        shutil.copytree(shipped, own, dirs_exist_ok=True)
        os.environ["NUMBA_CACHE_DIR"] = str(own)
