"""Greedy generation by OpenVINO GenAI's continuous batching. It gives no logits, and of log-probabilities only
the chosen token's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino_genai

from . import protocol

# INFERENCE_PRECISION_HINT by what OPTIMIZATION_CAPABILITIES calls it: a hint beyond those changes nothing.
DTYPES = {"FP32": "f32", "BF16": "bf16", "FP16": "f16"}
# KV_CACHE_PRECISION. Of floats the plugin takes none but the dtype of the computation: that is "float".
KV_DTYPES = ["u8", "float"]
STEP_TOKENS, CACHE_GB = 2048, 2
FACTORS = [
    "dtype",
    "kv_dtype",
    "rerun",
    "batch_size",
    "order",
    "neighbours",
    "prefill_chunk",
    "threads",
    "prefix_cache",
]
SETTINGS: dict[str, tuple[str, ...]] = {"device": ("CPU", "GPU"), "dynamic_quantization": ("on", "off")}


def own_first(own: str, names: list[str]) -> list[str]:
    """What the engine chooses by itself is the default."""
    return [own, *(name for name in names if name != own)]


class OpenVinoEngine(protocol.Engine):
    pipeline: Any = None  # made by prepare()

    def __init__(self, start: protocol.Start) -> None:
        self.settings = start.choose(SETTINGS)
        self.device = self.settings["device"]
        if not Path(start.model).exists():
            raise FileNotFoundError(f"model {start.model or '(none)'}: no such file or directory")
        self.path = start.model
        self.threads = start.threads or os.cpu_count() or 1
        self.shape: tuple[Any, ...] = ()
        core = openvino.Core()
        own = core.get_property(self.device, "INFERENCE_PRECISION_HINT").get_type_name()
        can = core.get_property(self.device, "OPTIMIZATION_CAPABILITIES")
        self.dtypes = own_first(own, [DTYPES[name] for name in can if name in DTYPES])
        own = core.get_property(self.device, "KV_CACHE_PRECISION").get_type_name()
        self.kv_dtypes = own_first("float" if own in DTYPES.values() else own, KV_DTYPES)
        self.prepare(protocol.Setting())
        self.tokenizer = self.pipeline.get_tokenizer()
        self.vocab_size = len(self.tokenizer.get_vocab())
        self.end_tokens: set[int] = set(self.pipeline.get_config().stop_token_ids)
        self.end_tokens.add(self.tokenizer.get_eos_token_id())

    def info(self) -> protocol.Info:
        return protocol.Info(
            version=f"openvino-genai {openvino_genai.__version__}, openvino {openvino.__version__}",
            model=self.path,
            dtypes=self.dtypes,
            kv_dtypes=self.kv_dtypes,
            factors=FACTORS,
            tokens=True,
            vocab_size=self.vocab_size,
            threads=self.threads,
            details={
                "device": self.device,
                "cache (GB)": str(CACHE_GB),
                "dynamic quantization": self.settings["dynamic_quantization"],
            },
        )

    def tokenize(self, prompt: protocol.Prompt) -> list[int]:
        if prompt.tokens:
            return prompt.tokens
        text, special = prompt.text, True
        if prompt.messages:
            text = self.tokenizer.apply_chat_template(prompt.messages, add_generation_prompt=True)
            special = False
        ids = self.tokenizer.encode(text, add_special_tokens=special).input_ids
        return [int(token) for token in ids.data[0]]

    def prepare(self, setting: protocol.Setting) -> None:
        """A pipeline of these options; the last one, if it has them."""
        properties: dict[str, Any] = {"INFERENCE_NUM_THREADS": setting.threads or self.threads}
        if self.settings["dynamic_quantization"] == "off":
            properties["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 0
        if setting.dtype:
            properties["INFERENCE_PRECISION_HINT"] = setting.dtype
        if setting.kv_dtype == "float":
            properties["KV_CACHE_PRECISION"] = setting.dtype or self.dtypes[0]
        elif setting.kv_dtype:
            properties["KV_CACHE_PRECISION"] = setting.kv_dtype
        shape = (properties, setting.prefill_chunk, setting.prefix_cache)
        if self.pipeline and shape == self.shape:
            return
        self.pipeline = None  # frees its memory first
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.cache_size = CACHE_GB
        scheduler.max_num_seqs = 256
        scheduler.max_num_batched_tokens = setting.prefill_chunk or STEP_TOKENS
        scheduler.dynamic_split_fuse = True
        scheduler.enable_prefix_caching = setting.prefix_cache
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(
            self.path, scheduler, self.device, properties
        )
        self.shape = shape

    def clear_prefix_cache(self) -> None:
        if self.shape and self.shape[-1]:
            self.pipeline = None

    def options(self, row: protocol.Row) -> Any:
        options = openvino_genai.GenerationConfig()
        options.do_sample = False
        options.max_new_tokens = row.max_tokens
        options.ignore_eos = row.ignore_eos
        options.stop_token_ids = set() if row.ignore_eos else self.end_tokens
        return options

    def generate(
        self, rows: list[protocol.Row], logits_steps: int, setting: protocol.Setting
    ) -> list[protocol.Answer]:
        self.prepare(setting)
        prompts = [openvino.Tensor(np.array([row.tokens], np.int64)) for row in rows]
        results = self.pipeline.generate(prompts, [self.options(row) for row in rows])
        answers = []
        for row, result in zip(rows, results):
            tokens = [int(token) for token in result.m_generation_ids[0]]
            stopped = bool(tokens) and not row.ignore_eos and tokens[-1] in self.end_tokens
            answers.append(protocol.Answer(tokens, self.tokenizer.decode(tokens), stopped))
        return answers
