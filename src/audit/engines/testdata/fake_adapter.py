"""An engine of twelve tokens that does what the setting `fault` says, for tests of the auditor's side.

Each answer counts upwards from the prompt's last token and ends with token 11.
"""

import array
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "python"))
from isobatch_audit import protocol  # noqa: E402

VOCAB, END = 12, 11


def floats(values):
    return array.array("f", values).tobytes()


class Fake(protocol.Engine):
    def __init__(self, start):
        print("printed while loading")
        print("a line on standard error", file=sys.stderr)
        self.fault = start.choose({"fault": ()})["fault"]
        if self.fault == "refuse to start":
            raise ValueError("no such model")
        self.strike("start")

    def strike(self, where):
        if self.fault == f"die in {where}":
            print("Traceback\nOSError: the disk is gone\n", file=sys.stderr, flush=True)
            os._exit(3)
        if self.fault == f"killed in {where}":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == f"hang in {where}":
            print("thinking", file=sys.stderr, flush=True)
            time.sleep(600)
        if self.fault == f"flood in {where}":
            for _ in range(100000):
                print("a warning that fills the pipe of standard error", file=sys.stderr)
        if self.fault == f"garbage in {where}":
            os.write(OUTPUT, b"Loading \x1b[1m\xff model\n")
        if self.fault == f"twice in {where}":
            os.write(OUTPUT, b'{"number": 1}\n')
        if self.fault == f"endless line in {where}":
            while True:
                os.write(OUTPUT, b"x" * (1 << 20))
        if self.fault == f"raise in {where}":
            raise RuntimeError("out of memory, \ud800 say")

    def info(self):
        factors = ["rerun", "batch_size"] if self.fault != "unknown factor" else ["rerun", "weather"]
        factors += ["prefix_cache"]
        return protocol.Info(
            "fake 1",
            name="fake",
            dtypes=["f32"],
            factors=factors,
            tokens=True,
            logits=True,
            traces=True,
            vocab_size=0 if self.fault == "no vocabulary" else VOCAB,
            details={"fault": self.fault or "none"},
        )

    def tokenize(self, prompt):
        self.strike("tokenize")
        return [VOCAB] if self.fault == "token outside" else [ord(c) % END for c in prompt.text]

    def generate(self, rows, logits_steps, setting):
        self.strike("generate")
        answers = []
        for row in rows:
            tokens = list(range(row.tokens[-1] + 1, VOCAB))[: row.max_tokens]
            logits = [floats(float(i == token) for i in range(VOCAB)) for token in tokens[:logits_steps]]
            text = " ".join(map(str, tokens))
            answers.append(protocol.Answer(tokens, text, END in tokens, logits, [1.0] * len(tokens)))
        if self.fault == "token outside":
            answers[0].tokens[0] = -1
        if self.fault == "row lost":
            answers.pop()
        if self.fault == "too long":
            answers[0].tokens.append(1)
        if self.fault == "logits of another token":
            answers[0].logits[0] = floats([9.0] + [0.0] * (VOCAB - 1))
        if self.fault == "logits short":
            answers[0].logits[0] = floats([0.0])
        if self.fault == "margins short":
            answers[0].margins.pop()
        if self.fault == "not a number":
            answers[0].logits[0] = floats([float("nan")] * VOCAB)
            answers[0].margins[0] = float("nan")
        return answers

    def trace(self, rows, row, setting, steps):
        self.strike("trace")
        name = "weather" if self.fault == "unknown operation" else "logits"
        values = floats(range(VOCAB))
        ops = [
            protocol.TracedOp("embedding", None, 0, 2, 1, floats([1.0, 2.0])),
            protocol.TracedOp("q", 0, 0, 1, 2, floats([3.0, 4.0])),
            protocol.TracedOp(name, None, 0, 1, VOCAB, values),
        ]
        if self.fault == "operation twice":
            ops[1:2] = [ops[1], ops[1]]
        if self.fault == "values short":
            ops[2].values = floats([0.0])
        return ops


OUTPUT = os.dup(1)  # past what serve() does to it
protocol.serve(Fake)
