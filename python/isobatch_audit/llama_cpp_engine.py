"""Greedy generation by llama.cpp. Each row of a batch has a slot; all prompts run before the first decode
step, up to BATCH tokens in one call, as the server does with requests that come at the same time.
"""

from __future__ import annotations

import os
from typing import Any, Optional

from . import protocol
from .llama_cpp_model import Context, Model, api, np

BATCH, MICRO_BATCH, PAGE, SLOTS = 2048, 512, 512, 16
KV_DTYPES = {"f16": 1, "f32": 0, "bf16": 30, "q8_0": 8}  # ggml_type
FLASH = {"auto": -1, "on": 1, "off": 0}  # llama_flash_attn_type
FACTORS = [
    "kv_dtype",
    "rerun",
    "batch_size",
    "order",
    "neighbours",
    "prefill_chunk",
    "threads",
    "prefix_cache",
]
SETTINGS = {"flash_attention": ("auto", "on", "off"), "unified": ("off", "on")}


class Sequence:
    """A row that runs: `done` of its tokens are in the slot's KV cache."""

    def __init__(self, row: protocol.Row, slot: int, done: int) -> None:
        self.row, self.slot, self.done = row, slot, done
        self.tokens = list(row.tokens)
        self.answer: list[int] = []
        self.logits: list[bytes] = []
        self.stopped = False

    def finished(self) -> bool:
        return self.stopped or len(self.answer) >= self.row.max_tokens


def common(a: list[int], b: list[int]) -> int:
    """Length of the common beginning."""
    pairs = zip(a, b)
    return next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))


class LlamaCppEngine(protocol.Engine):
    def __init__(self, start: protocol.Start) -> None:
        self.settings = start.choose(SETTINGS)
        self.name = start.model
        self.threads = start.threads or os.cpu_count() or 1
        self.model = Model(start.model)
        self.context: Optional[Context] = None
        self.shape: tuple[Any, ...] = ()
        self.slots, self.positions = SLOTS, PAGE
        self.kept: dict[int, list[int]] = {}  # tokens in the cache of each slot

    def info(self) -> protocol.Info:
        quantized = self.settings["flash_attention"] != "off"  # which a quantized V needs
        system = api.llama_print_system_info().decode(errors="replace").strip()
        return protocol.Info(
            version=f"llama-cpp-python {api.__version__}",
            model=self.name,
            kv_dtypes=[name for name in KV_DTYPES if name != "q8_0" or quantized],
            factors=FACTORS,
            tokens=True,
            logits=True,
            vocab_size=self.model.vocab_size,
            threads=self.threads,
            details={
                "weights": self.model.description(),
                "flash attention": self.settings["flash_attention"],
                "unified KV cache": self.settings["unified"],
                "system": system,
            },
        )

    def tokenize(self, prompt: protocol.Prompt) -> list[int]:
        if prompt.tokens:
            return prompt.tokens
        if not prompt.messages:
            return self.model.tokenize(prompt.text, add_special=True)
        if self.model.template:
            return self.model.tokenize(self.model.render(prompt.messages), add_special=False)
        if len(prompt.messages) > 1:
            raise ValueError("the model has no chat template, so only one message can be asked")
        return self.model.tokenize(prompt.messages[0]["content"], add_special=True)

    def prepare(self, rows: list[protocol.Row], setting: protocol.Setting) -> Context:
        """A context of this shape, which only grows, so that batches of all sizes run in the same one."""
        longest = max(len(row.tokens) + row.max_tokens for row in rows)
        self.slots = max(self.slots, len(rows))
        self.positions = max(self.positions, -(-longest // PAGE) * PAGE)
        kv_dtype = setting.kv_dtype or next(iter(KV_DTYPES))
        chunk = setting.prefill_chunk or MICRO_BATCH
        shape = (self.slots, self.positions, kv_dtype, chunk)
        if not self.context or shape != self.shape:
            self.close()
            parameters = api.llama_context_default_params()
            parameters.n_ctx = self.slots * self.positions
            parameters.n_batch, parameters.n_ubatch = max(BATCH, chunk), chunk
            parameters.n_seq_max = self.slots
            parameters.type_k = parameters.type_v = KV_DTYPES[kv_dtype]
            parameters.flash_attn_type = FLASH[self.settings["flash_attention"]]
            parameters.kv_unified = self.settings["unified"] == "on"
            parameters.no_perf = True
            self.context, self.shape = Context(self.model, parameters, parameters.n_batch), shape
        self.context.set_threads(setting.threads or self.threads)
        return self.context

    def close(self) -> None:
        if self.context:
            self.context.close()
        self.context = None
        self.kept.clear()

    def clear_prefix_cache(self) -> None:
        if self.context:
            self.context.clear()
        self.kept.clear()

    def place(self, context: Context, rows: list[protocol.Row], prefix_cache: bool) -> list[Sequence]:
        """Each row in a slot: the free one that holds most of its beginning, else the first."""
        if not prefix_cache:
            self.clear_prefix_cache()
        free = list(range(self.slots))
        sequences = []
        for row in rows:
            slot = max(free, key=lambda slot: common(self.kept.get(slot, []), row.tokens))
            free.remove(slot)
            # The last token of the prompt runs in any case, for its logits.
            done = min(common(self.kept.get(slot, []), row.tokens), len(row.tokens) - 1)
            if not context.truncate(slot, done):
                context.truncate(slot, 0)
                done = 0
            sequences.append(Sequence(row, slot, done))
        return sequences

    def next_rows(self, context: Context, running: list[Sequence]) -> list[Sequence]:
        """Fills the rows of a step, prompts first; returns those whose logits come."""
        prompts = [s for s in running if not s.answer]
        wanted = []
        for sequence in prompts or running:
            part = sequence.tokens[sequence.done :][: context.rows.room()]
            if not part:
                break
            last = sequence.done + len(part) == len(sequence.tokens)
            context.rows.add(part, sequence.done, sequence.slot, last)
            sequence.done += len(part)
            if last:
                wanted.append(sequence)
        return wanted

    def take(self, sequence: Sequence, logits: Any, logits_steps: int) -> None:
        token = int(logits.argmax())
        if len(sequence.logits) < logits_steps:
            sequence.logits.append(logits.tobytes())
        sequence.answer.append(token)
        sequence.tokens.append(token)
        sequence.stopped = not sequence.row.ignore_eos and self.model.is_end(token)

    def generate(
        self, rows: list[protocol.Row], logits_steps: int, setting: protocol.Setting
    ) -> list[protocol.Answer]:
        context = self.prepare(rows, setting)
        sequences = self.place(context, rows, setting.prefix_cache)
        try:
            while running := [s for s in sequences if not s.finished()]:
                wanted = self.next_rows(context, running)
                for sequence, logits in zip(wanted, context.step()):
                    self.take(sequence, logits, logits_steps)
        except RuntimeError:
            self.close()
            raise
        for sequence in sequences:
            self.kept[sequence.slot] = sequence.tokens[: sequence.done]
        return [
            protocol.Answer(s.answer, self.model.decode(s.answer), s.stopped, s.logits) for s in sequences
        ]
