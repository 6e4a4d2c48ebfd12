"""Tests of isobatch_audit/protocol.py, the side of the adapter. Run by plain Python."""

import json
import subprocess
import sys
import unittest
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from isobatch_audit import protocol  # noqa: E402

START = {
    "ask": "start",
    "protocol": 1,
    "model": "m",
    "url": "",
    "model_name": "",
    "threads": 2,
    "settings": {"colour": "red"},
}
SETTING = vars(protocol.Setting(padding_side="right", padding_value=7))


class Echo(protocol.Engine):
    """Answers with what it was asked."""

    def __init__(self, start: protocol.Start) -> None:
        self.start, self.colours = start, start.choose({"colour": ("blue", "red"), "size": ()})

    def info(self) -> protocol.Info:
        return protocol.Info(
            "echo 1", model=self.start.model, threads=self.start.threads, details=self.colours
        )

    def tokenize(self, prompt: protocol.Prompt) -> list[int]:
        return [len(prompt.text), len(prompt.messages)]

    def generate(
        self, rows: list[protocol.Row], logits_steps: int, setting: protocol.Setting
    ) -> list[protocol.Answer]:
        logits = [array("f", [1.0, 2.0]).tobytes()] * logits_steps
        text = f"{setting.padding_side} {setting.padding_value} \ud800"
        return [protocol.Answer(row.tokens, text, True, logits, [0.5, float("nan")]) for row in rows]

    def trace(
        self, rows: list[protocol.Row], row: int, setting: protocol.Setting, steps: int
    ) -> list[protocol.TracedOp]:
        raise MemoryError("too big")


def answers(*questions: dict) -> list[tuple[dict, bytes]]:
    server = protocol.Server(Echo)
    result = []
    for number, question in enumerate(questions):
        line, *values = server.answer(json.dumps({**question, "number": number}))
        answer = json.loads(line)
        assert line.endswith(b"\n") and line.count(b"\n") == 1
        assert answer["number"] == number
        assert answer.get("values", 0) * 4 == len(b"".join(values))
        result.append((answer, b"".join(values)))
    return result


class ProtocolTest(unittest.TestCase):
    def test_start(self) -> None:
        info = answers(START)[0][0]["info"]
        self.assertEqual(
            info,
            {
                "version": "echo 1",
                "model": "m",
                "threads": 2,
                "details": {"colour": "red", "size": ""},
                **dict.fromkeys(("tokens", "logits", "traces", "rectangular"), False),
                "vocab_size": 0,
            },
        )

    def test_settings_that_do_not_exist(self) -> None:
        for settings, message in (
            ({"color": "red"}, "ValueError: setting color: unknown; there are: colour, size"),
            ({"colour": "grey"}, "ValueError: setting colour: expected blue or red, got grey"),
        ):
            self.assertEqual(answers({**START, "settings": settings})[0][0]["error"], message)

    def test_other_protocol(self) -> None:
        error = answers({**START, "protocol": 2})[0][0]["error"]
        self.assertEqual(error, "ValueError: protocol 2: this adapter speaks 1")

    def test_not_started(self) -> None:
        question = {"ask": "tokenize", "prompt": {"id": "a", "text": "b"}}
        self.assertEqual(answers(question)[0][0]["error"], "ValueError: tokenize: not started")

    def test_tokenize(self) -> None:
        question = {"ask": "tokenize", "prompt": {"id": "a", "messages": [{"role": "user", "content": "b"}]}}
        self.assertEqual(answers(START, question)[1][0]["tokens"], [0, 1])

    def test_generate(self) -> None:
        rows = [{"tokens": [5, 6], "max_tokens": 2, "ignore_eos": False}]
        question = {"ask": "generate", "rows": rows * 2, "logits_steps": 1, "setting": SETTING}
        answer, values = answers(START, question)[1]
        self.assertEqual(
            answer["answers"][1],
            {
                "tokens": [5, 6],
                "text": "right 7 ?",
                "stopped": True,
                "logits_steps": 1,
                "margins": [0.5, None],
            },
        )
        self.assertEqual(array("f", values).tolist(), [1.0, 2.0, 1.0, 2.0])

    def test_row_with_a_prompt(self) -> None:
        row = {"prompt": {"id": "a", "text": "b"}, "max_tokens": 2, "ignore_eos": True}
        (parsed,) = protocol._rows({"rows": [row]})
        assert parsed.prompt is not None
        self.assertEqual((parsed.prompt.text, parsed.ignore_eos), ("b", True))

    def test_what_an_engine_raises_is_an_answer(self) -> None:
        rows = [{"tokens": [5], "max_tokens": 2, "ignore_eos": False}]
        question = {"ask": "trace", "rows": rows, "row": 0, "steps": 1, "setting": SETTING}
        all_answers = answers(START, question, {"ask": "dance"}, {"ask": "clear_prefix_cache"})
        self.assertEqual(all_answers[1][0]["error"], "MemoryError: too big")
        self.assertEqual(all_answers[2][0]["error"], "ValueError: dance: no such question")
        self.assertNotIn("error", all_answers[3][0])

    def test_serve_keeps_prints_out_and_ends_with_its_input(self) -> None:
        script = (
            "import os, time; from isobatch_audit import protocol\n"
            "class Loud(protocol.Engine):\n"
            "    def __init__(self, start): print('printed'); os.system('echo by a child')\n"
            "    def info(self): return protocol.Info('1')\n"
            "    def clear_prefix_cache(self): time.sleep(600)\n"
            "protocol.serve(Loud)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as child:
            assert child.stdin and child.stdout and child.stderr
            child.stdin.write(json.dumps({**START, "number": 1}) + "\n")
            child.stdin.flush()
            self.assertEqual(json.loads(child.stdout.readline())["info"]["version"], "1")
            child.stdin.write(json.dumps({"ask": "clear_prefix_cache", "number": 2}) + "\n")
            child.stdin.close()
            child.wait(60)  # it ends while it is at its work
            self.assertEqual(child.stdout.read(), "")
            self.assertEqual(child.stderr.read(), "printed\nby a child\n")


if __name__ == "__main__":
    unittest.main()
