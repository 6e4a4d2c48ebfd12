"""isobatch by its own commands: `bench` measures the speeds of jobs.py, `yesno` answers the questions."""

import json
import subprocess
import tempfile
from pathlib import Path

from . import jobs

BENCH_FACTS = ("bytes_per_token", "operations_per_token", "roofline")


class Isobatch:
    def __init__(self, binary, path, threads, kernels, dtype="native"):
        self.binary, self.questions = str(binary), jobs.QUESTIONS
        self.options = ["-m", str(path), "--threads", str(threads), "--json"]
        if dtype != "native":  # an older binary knows no other
            self.options += ["--dtype", dtype]
        if kernels:
            self.options += ["--kernels", kernels]
        usage = subprocess.run([self.binary, "bench", "--help"], capture_output=True, text=True).stdout
        # As often as the peers in a round; an older binary runs its three times.
        self.once = ["--repetitions", "1"] if "--repetitions" in usage else []

    def run(self, *arguments):
        command = [self.binary, *arguments, *self.options]
        result = subprocess.run(command, capture_output=True, text=True)
        if not result.stdout.startswith(("{", "[")):
            raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
        return json.loads(result.stdout)

    def speeds(self):
        """Figures of all columns of jobs.SPEEDS, with what one token costs."""
        result = self.run("bench", *self.once)
        figures = {}
        for column in jobs.SPEEDS:

            def cell(values):
                return (
                    values[column] if column in values else values["decode"][column.removeprefix("decode_")]
                )

            facts = {name: cell(result[name]) for name in BENCH_FACTS if name in result}
            figures[column] = {"rate": cell(result), "kernels": result["kernels"], **facts}
        return figures

    def answers(self, prefix_cache):
        batch = str(jobs.ANSWERS_AT_ONCE)
        arguments = ["yesno", "--prompts", str(self.questions), "--batch-sizes", batch]
        arguments += ["--max-tokens", str(jobs.ANSWER_TOKENS)]
        [result] = self.run(*arguments, *([] if prefix_cache else ["--no-prefix-cache"]))
        right = (
            result["right_yes"] + result["right_no"]
        ) / 2  # as many questions of one kind as of the other
        return {"rate": result["answers_per_second"], "mean_tokens": result["mean_tokens"], "right": right}

    def changed(self):
        lines = Path(self.questions).read_text(encoding="utf-8").splitlines()[: jobs.CHANGED_OF]
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            arguments = ["yesno", "--prompts", file.name, "--max-tokens", str(jobs.ANSWER_TOKENS)]
            results = self.run(*arguments, "--batch-sizes", f"1,{jobs.CHANGED_AT_ONCE}")
        return {"changed": results[1]["different_answers"], "of": len(lines)}

    def measure(self, column):
        """A list of (column, figures): the speeds come together."""
        if column in jobs.SPEEDS:
            return list(self.speeds().items())
        if column == "changed":
            return [(column, self.changed())]
        return [(column, self.answers(prefix_cache=column == "answers_prefix"))]
