"""An engine under test behind the protocol of docs/audit-adapters.md. Needs Python 3.9 and nothing else.

An adapter derives from Engine and calls serve(). Questions come as lines of JSON on standard input; answers go
to standard output as a line of JSON, which bytes of float32 may follow.
"""

from __future__ import annotations

import json
import math
import os
import queue
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Callable, Iterable, Optional

VERSION = 1


@dataclass
class Start:
    """What the engine is to be started with."""

    model: str = ""
    url: str = ""
    model_name: str = ""
    threads: int = 0  # 0: the engine's own
    settings: dict[str, str] = field(default_factory=dict)

    def choose(self, offered: dict[str, tuple[str, ...]]) -> dict[str, str]:
        """The settings, the first value offered for those not given; an empty tuple takes any value. Refuses
        keys and values that are not offered.
        """
        for key, value in self.settings.items():
            if key not in offered:
                raise ValueError(f"setting {key}: unknown; there are: {', '.join(offered) or 'none'}")
            if offered[key] and value not in offered[key]:
                raise ValueError(f"setting {key}: expected {' or '.join(offered[key])}, got {value}")
        defaults = {key: values[0] if values else "" for key, values in offered.items()}
        return {**defaults, **self.settings}


@dataclass
class Prompt:
    """Messages, text or tokens; the one that is not empty."""

    id: str = ""
    messages: list[dict[str, str]] = field(default_factory=list)
    text: str = ""
    tokens: list[int] = field(default_factory=list)


@dataclass
class Row:
    tokens: list[int] = field(default_factory=list)  # for engines with tokens,
    prompt: Optional[Prompt] = None  # and for those without
    max_tokens: int = 1
    ignore_eos: bool = False


@dataclass
class Setting:
    """How the rows are to be run. What the engine does not offer has its default here."""

    dtype: str = ""  # empty: the first of those offered
    kv_dtype: str = ""
    padding_side: str = "left"
    padding_value: Optional[int] = None
    extra_padding: int = 0
    kv_cache: bool = True
    prefill_chunk: int = 0
    threads: int = 0
    prefix_cache: bool = False


@dataclass
class Answer:
    tokens: list[int] = field(default_factory=list)  # new ones, the end token included
    text: str = ""
    stopped: bool = False  # by an end token
    logits: list[bytes] = field(default_factory=list)  # of the first steps: float32, little endian, [vocab]
    margins: list[float] = field(default_factory=list)  # between the two greatest log-probabilities


@dataclass
class TracedOp:
    op: str
    layer: Optional[int]  # none outside of layers
    step: int
    tokens: int
    width: int
    values: bytes  # float32, little endian, [tokens][width]


@dataclass
class Info:
    version: str
    name: Optional[str] = None  # needed where the auditor does not name the engine
    model: str = ""
    dtypes: list[str] = field(default_factory=list)
    kv_dtypes: list[str] = field(default_factory=list)
    factors: list[str] = field(default_factory=list)
    tokens: bool = False
    logits: bool = False
    traces: bool = False
    rectangular: bool = False
    vocab_size: int = 0
    threads: int = 0
    details: dict[str, str] = field(default_factory=dict)


class Engine:
    """What an adapter implements. An exception becomes the answer; the engine is then asked other things."""

    def info(self) -> Info:
        raise NotImplementedError

    def tokenize(self, prompt: Prompt) -> list[int]:
        raise NotImplementedError

    def generate(self, rows: list[Row], logits_steps: int, setting: Setting) -> list[Answer]:
        raise NotImplementedError

    def trace(self, rows: list[Row], row: int, setting: Setting, steps: int) -> list[TracedOp]:
        raise NotImplementedError

    def clear_prefix_cache(self) -> None:
        pass


def _prompt(value: Optional[dict[str, Any]]) -> Optional[Prompt]:
    return None if value is None else Prompt(**value)


def _rows(question: dict[str, Any]) -> list[Row]:
    return [Row(**{**row, "prompt": _prompt(row.get("prompt"))}) for row in question["rows"]]


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _clean(text: str) -> str:
    """Text that can be UTF-8: without half characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _describe_answers(answers: Iterable[Answer]) -> tuple[dict[str, Any], list[bytes]]:
    described, values = [], []
    for answer in answers:
        margins = [margin if math.isfinite(margin) else None for margin in answer.margins]
        described.append(
            {
                "tokens": answer.tokens,
                "text": _clean(answer.text),
                "stopped": answer.stopped,
                "logits_steps": len(answer.logits),
                "margins": margins,
            }
        )
        values += answer.logits
    return {"answers": described}, values


def _describe_trace(ops: Iterable[TracedOp]) -> tuple[dict[str, Any], list[bytes]]:
    described, values = [], []
    for op in ops:
        fields = {"op": op.op, "layer": op.layer, "step": op.step, "tokens": op.tokens, "width": op.width}
        described.append({key: value for key, value in fields.items() if value is not None})
        values.append(op.values)
    return {"ops": described}, values


class Server:
    """Answers questions with an engine that the first of them starts."""

    def __init__(self, make: Callable[[Start], Engine]) -> None:
        self.make = make
        self.engine: Optional[Engine] = None

    def _start(self, question: dict[str, Any]) -> dict[str, Any]:
        if question["protocol"] != VERSION:
            raise ValueError(f"protocol {question['protocol']}: this adapter speaks {VERSION}")
        known = {key: question[key] for key in ("model", "url", "model_name", "threads", "settings")}
        self.engine = self.make(Start(**known))
        return {"info": _without_empty(vars(self.engine.info()))}

    def _answer(self, question: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        ask = question["ask"]
        if ask == "start":
            return self._start(question), []
        if self.engine is None:
            raise ValueError(f"{ask}: not started")
        if ask == "tokenize":
            return {"tokens": self.engine.tokenize(Prompt(**question["prompt"]))}, []
        if ask == "clear_prefix_cache":
            self.engine.clear_prefix_cache()
            return {}, []
        if ask == "generate":
            rows, setting = _rows(question), Setting(**question["setting"])
            return _describe_answers(self.engine.generate(rows, question["logits_steps"], setting))
        if ask == "trace":
            rows, setting = _rows(question), Setting(**question["setting"])
            return _describe_trace(self.engine.trace(rows, question["row"], setting, question["steps"]))
        raise ValueError(f"{ask}: no such question")

    def answer(self, line: str) -> list[bytes]:
        """The answer to one line, as pieces to be written one after the other."""
        question = json.loads(line)
        values: list[bytes] = []
        try:
            answer, values = self._answer(question)
        except Exception as error:  # whatever an engine throws is its answer
            answer = {"error": _clean(f"{type(error).__name__}: {error}")}
        answer["number"] = question["number"]
        size = sum(map(len, values))
        if size:
            answer["values"] = size // 4
        return [json.dumps(answer).encode() + b"\n", *values]


def _read_lines(source: BinaryIO, lines: queue.SimpleQueue[str]) -> None:
    for line in source:
        lines.put(line.decode())
    os._exit(0)  # the auditor has gone: nobody wants what is being computed


def serve(make: Callable[[Start], Engine]) -> None:
    """Answers the questions on standard input until it ends. What the engine prints goes to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(sys.stdin.buffer, lines), daemon=True).start()
    server = Server(make)
    while True:
        for piece in server.answer(lines.get()):
            output.write(piece)
        output.flush()
