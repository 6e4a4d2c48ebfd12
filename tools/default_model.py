"""Where tools/fetch_model.sh puts the default model."""

import os
from pathlib import Path


def default_model_path() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "isobatch" / "SmolLM2-135M-Instruct.Q4_1.gguf"
