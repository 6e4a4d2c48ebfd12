"""Greedy generation by transformers, in rectangular batches as its users run them."""

from __future__ import annotations

import sys
from typing import Any

from . import protocol
from .hf_model import Source, torch
from .hf_trace import Recorder

FACTORS = [
    "dtype",
    "rerun",
    "batch_size",
    "order",
    "neighbours",
    "padding_side",
    "padding_value",
    "padding_amount",
    "kv_cache",
    "prefill_chunk",
    "threads",
]
SETTINGS = {
    "attention": ("auto", "sdpa", "eager"),  # auto: what transformers chooses for the model
    "mask": ("on", "off"),  # off: generate() gets no attention_mask
    "device": (),  # as torch names it; empty: a GPU if there is one
}


class Padded:
    """The rows as a rectangle: ids, mask, and where the tokens of each row are."""

    def __init__(self, rows: list[protocol.Row], setting: protocol.Setting, padding: int) -> None:
        width = max(len(row.tokens) for row in rows) + setting.extra_padding
        ids, mask = [], []
        self.columns: list[range] = []
        for row in rows:
            count = len(row.tokens)
            first = width - count if setting.padding_side == "left" else 0
            self.columns.append(range(first, first + count))
            fill = [padding] * (width - count)
            ids.append(fill + row.tokens if first else row.tokens + fill)
            mask.append([int(column in self.columns[-1]) for column in range(width)])
        self.ids, self.mask = torch.tensor(ids), torch.tensor(mask)
        self.width = width


class HfEngine(protocol.Engine):
    def __init__(self, start: protocol.Start) -> None:
        self.settings = start.choose(SETTINGS)
        self.source = Source(start.model, self.settings["attention"], self.settings["device"])
        self.dtypes = self.source.dtypes()
        self.threads = start.threads or torch.get_num_threads()
        self.tokenizer = self.source.tokenizer
        self.name = start.model
        model = self.source.model(self.dtypes[0])
        end = model.generation_config.eos_token_id
        end = self.tokenizer.eos_token_id if end is None else end
        self.end_tokens: list[int] = [] if end is None else [end] if isinstance(end, int) else list(end)
        padding = self.tokenizer.pad_token_id
        if padding is None or self.settings["mask"] == "off":  # the pad token that people take from eos
            padding = self.end_tokens[0] if self.end_tokens else 0
        self.padding: int = padding
        self.attention = str(model.config._attn_implementation)
        self.vocab: int = model.config.get_text_config().vocab_size

    def info(self) -> protocol.Info:
        return protocol.Info(
            version=self.source.versions(),
            model=self.name,
            dtypes=self.dtypes,
            factors=FACTORS,
            tokens=True,
            logits=True,
            traces=True,
            rectangular=True,
            vocab_size=self.vocab,
            threads=self.threads,
            details={
                "attention": self.attention,
                "attention mask": self.settings["mask"],
                "device": self.source.device,
                "padding token": str(self.padding),
                "Python": sys.version.split()[0],
            },
        )

    def tokenize(self, prompt: protocol.Prompt) -> list[int]:
        if prompt.tokens:
            return prompt.tokens
        if not prompt.messages:
            return list(self.tokenizer(prompt.text)["input_ids"])
        if self.tokenizer.chat_template:
            return list(
                self.tokenizer.apply_chat_template(
                    prompt.messages, add_generation_prompt=True, tokenize=True, return_dict=False
                )
            )
        if len(prompt.messages) > 1:
            raise ValueError("the tokenizer has no chat template, so only one message can be asked")
        return list(self.tokenizer(prompt.messages[0]["content"])["input_ids"])

    def run(
        self, rows: list[protocol.Row], setting: protocol.Setting, new_tokens: int, **more: Any
    ) -> tuple[Any, Padded, Any]:
        """What generate() returns for `new_tokens` tokens, its input, and the model."""
        torch.set_num_threads(setting.threads or self.threads)
        model = self.source.model(setting.dtype or self.dtypes[0])
        padding = self.padding if setting.padding_value is None else setting.padding_value
        padded = Padded(rows, setting, padding)
        ignore_eos = any(row.ignore_eos for row in rows)
        options: dict[str, Any] = {
            "do_sample": False,
            "num_beams": 1,
            "repetition_penalty": 1.0,
            "max_new_tokens": new_tokens,
            "pad_token_id": padding,
            "eos_token_id": None if ignore_eos else self.end_tokens or None,
            "use_cache": setting.kv_cache,
            "return_dict_in_generate": True,
            **more,
        }
        if setting.prefill_chunk:
            options["prefill_chunk_size"] = setting.prefill_chunk
        device = self.source.device
        if self.settings["mask"] == "on":
            options["attention_mask"] = padded.mask.to(device)
        elif ignore_eos and padding in self.end_tokens:
            # Without an end token, generate() would guess the mask that it does not guess with one.
            options["attention_mask"] = torch.ones_like(padded.mask).to(device)
        return model.generate(padded.ids.to(device), **options), padded, model

    def cut(self, tokens: list[int], row: protocol.Row) -> list[int]:
        """A row of the rectangle up to where it has ended by itself."""
        tokens = tokens[: row.max_tokens]
        if row.ignore_eos:
            return tokens
        ends = [i for i, token in enumerate(tokens) if token in self.end_tokens]
        return tokens[: ends[0] + 1] if ends else tokens

    def generate(
        self, rows: list[protocol.Row], logits_steps: int, setting: protocol.Setting
    ) -> list[protocol.Answer]:
        new_tokens = max(row.max_tokens for row in rows)
        result, padded, _ = self.run(rows, setting, new_tokens, output_logits=logits_steps > 0)
        answers = []
        for index, row in enumerate(rows):
            tokens = self.cut(result.sequences[index, padded.width :].tolist(), row)
            steps = min(logits_steps, len(tokens))
            logits = [result.logits[step][index].float().cpu().numpy().tobytes() for step in range(steps)]
            stopped = bool(tokens) and not row.ignore_eos and tokens[-1] in self.end_tokens
            text = self.tokenizer.decode(tokens, skip_special_tokens=True)
            answers.append(protocol.Answer(tokens, text, stopped, logits))
        return answers

    def trace(
        self, rows: list[protocol.Row], row: int, setting: protocol.Setting, steps: int
    ) -> list[protocol.TracedOp]:
        if setting.prefill_chunk:
            raise ValueError("a trace of a prompt in chunks is not offered")
        steps = min(steps, rows[row].max_tokens)
        model = self.source.model(setting.dtype or self.dtypes[0])
        padding = self.padding if setting.padding_value is None else setting.padding_value
        columns = Padded(rows, setting, padding).columns[row]
        with Recorder(model, row, columns) as recorder:
            result, padded, _ = self.run(rows, setting, steps)
        answer = self.cut(result.sequences[row, padded.width :].tolist(), rows[row])
        # Once a row has ended, what runs in it is padding.
        return [op for op in recorder.ops if op.step < len(answer)]
