"""Models and tokenizers as transformers loads them: from a directory, or from a GGUF file."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch  # noqa: E402
import transformers  # noqa: E402

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
KEPT = 2  # models in memory, of different dtypes


class Source:
    """Where a model is loaded from, again for each dtype."""

    def __init__(self, model: str, attention: str, device: str) -> None:
        path = Path(model)
        if not model or not path.exists():
            raise FileNotFoundError(f"model {model or '(none)'}: no such directory or GGUF file")
        self.options = {} if attention == "auto" else {"attn_implementation": attention}
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.place = str(path if path.is_dir() else path.parent)
        self.from_file = {} if path.is_dir() else {"gguf_file": path.name}
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(self.place, **self.from_file)
        self.models: OrderedDict[str, Any] = OrderedDict()

    def dtypes(self) -> list[str]:
        """The one that from_pretrained() chooses by itself comes first."""
        own = "f32"  # what a GGUF file is unpacked to
        if not self.from_file:
            config = transformers.AutoConfig.from_pretrained(self.place)
            stored = getattr(config, "dtype", None)
            own = next((name for name, dtype in DTYPES.items() if dtype == stored), own)
        return [own, *(name for name in DTYPES if name != own)]

    def model(self, dtype: str) -> Any:
        if dtype in self.models:
            self.models.move_to_end(dtype)
            return self.models[dtype]
        while len(self.models) >= KEPT:
            self.models.popitem(last=False)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            self.place, dtype=DTYPES[dtype], **self.options, **self.from_file
        )
        self.models[dtype] = model.to(self.device).eval()
        return self.models[dtype]

    def versions(self) -> str:
        return f"transformers {transformers.__version__}, torch {torch.__version__}"
