"""A GGUF file in llama.cpp: its text side, contexts, and the rows of a step."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import llama_cpp as api
import numpy as np
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

PIECE_BYTES = 256  # of one token, at first
LOG = api.llama_log_callback(lambda level, text, data: None)


def silence() -> None:
    """Keeps what llama.cpp logs to itself."""
    api.llama_log_set(LOG, ctypes.c_void_p(0))


class Model:
    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise FileNotFoundError(f"model {path or '(none)'}: no such GGUF file")
        silence()
        self.handle = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
        if not self.handle:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        self.vocab = api.llama_model_get_vocab(self.handle)
        self.vocab_size: int = api.llama_vocab_n_tokens(self.vocab)
        template = api.llama_model_chat_template(self.handle, None)
        self.template: Any = self.chat_template(template.decode()) if template else None

    def chat_template(self, template: str) -> Any:
        def text(token: int) -> str:
            return api.llama_vocab_get_text(self.vocab, token).decode() if token >= 0 else ""

        begin, end = api.llama_vocab_bos(self.vocab), api.llama_vocab_eos(self.vocab)
        return Jinja2ChatFormatter(template, eos_token=text(end), bos_token=text(begin))

    def description(self) -> str:
        text = ctypes.create_string_buffer(256)
        api.llama_model_desc(self.handle, text, len(text))
        return text.value.decode(errors="replace")

    def tokenize(self, text: str, add_special: bool) -> list[int]:
        data = text.encode()
        tokens = (api.llama_token * (len(data) + 8))()
        count = api.llama_tokenize(self.vocab, data, len(data), tokens, len(tokens), add_special, True)
        if count < 0:
            raise ValueError(f"llama_tokenize: {count}")
        return list(tokens[:count])

    def render(self, messages: list[dict[str, str]]) -> str:
        formatter = self.template
        return str(formatter(messages=messages).prompt)

    def piece(self, token: int) -> bytes:
        text = ctypes.create_string_buffer(PIECE_BYTES)
        size = api.llama_token_to_piece(self.vocab, token, text, len(text), 0, False)
        if size < 0:
            text = ctypes.create_string_buffer(-size)
            size = api.llama_token_to_piece(self.vocab, token, text, len(text), 0, False)
        return text.raw[:size]

    def decode(self, tokens: list[int]) -> str:
        return b"".join(map(self.piece, tokens)).decode(errors="replace")

    def is_end(self, token: int) -> bool:
        return bool(api.llama_vocab_is_eog(self.vocab, token))


class Rows:
    """A llama_batch over arrays of our own: token, position and slot of each row, and whether it wants logits."""

    def __init__(self, most: int) -> None:
        self.most, self.count = most, 0
        self.token, self.position, self.slot = (np.zeros(most, np.int32) for _ in range(3))
        self.wanted = np.zeros(most, np.int8)
        self.one = np.ones(most, np.int32)
        pointer = ctypes.POINTER(ctypes.c_int32)
        first = self.slot.ctypes.data
        self.slots = (pointer * most)(*(ctypes.cast(first + 4 * i, pointer) for i in range(most)))
        self.batch = api.llama_batch()
        self.batch.token = self.token.ctypes.data_as(pointer)
        self.batch.pos = self.position.ctypes.data_as(pointer)
        self.batch.n_seq_id = self.one.ctypes.data_as(pointer)
        self.batch.seq_id = ctypes.cast(self.slots, ctypes.POINTER(pointer))
        self.batch.logits = self.wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))

    def room(self) -> int:
        return self.most - self.count

    def add(self, tokens: list[int], position: int, slot: int, wanted: bool) -> None:
        """Rows of one sequence, of which the last gives logits if they are wanted."""
        rows = slice(self.count, self.count + len(tokens))
        self.token[rows] = tokens
        self.position[rows] = np.arange(position, position + len(tokens))
        self.slot[rows] = slot
        self.wanted[rows] = 0
        self.wanted[rows.stop - 1] = wanted
        self.count = rows.stop


class Context:
    def __init__(self, model: Model, parameters: Any, rows: int) -> None:
        self.handle = api.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise RuntimeError("llama.cpp makes no context of these options")
        self.vocab_size = model.vocab_size
        self.memory = api.llama_get_memory(self.handle)
        self.rows = Rows(rows)

    def close(self) -> None:
        api.llama_free(self.handle)

    def clear(self) -> None:
        api.llama_memory_clear(self.memory, False)

    def truncate(self, slot: int, length: int) -> bool:
        return bool(api.llama_memory_seq_rm(self.memory, slot, length, -1))

    def set_threads(self, threads: int) -> None:
        api.llama_set_n_threads(self.handle, threads, threads)

    def step(self) -> Any:
        """Runs the rows; the logits of those that want them, [wanted, vocab], until the next step."""
        self.rows.batch.n_tokens = self.rows.count
        wanted = int(self.rows.wanted[: self.rows.count].sum())
        self.rows.count = 0
        result = api.llama_decode(self.handle, self.rows.batch)
        if result != 0:
            raise RuntimeError(f"llama_decode: {result}")
        if wanted == 0:
            return np.zeros((0, self.vocab_size), np.float32)
        return np.ctypeslib.as_array(api.llama_get_logits(self.handle), (wanted, self.vocab_size))
