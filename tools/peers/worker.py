"""Measures one peer on one file in a process of its own, and prints a line of JSON for each column.

Usage: python -m peers.worker JOB, with tools/ as the folder; JOB is the JSON that tools/compare_peers writes.
"""

import json
import sys
import time
from pathlib import Path

from . import environment, jobs, llama_cpp_engine, machine
from .engines import ENGINES


class Questions:
    """The questions as token ids, for the tokenizer, chat template and end token of a GGUF file."""

    def __init__(self, model):
        from gguf import GGUFReader
        from gguf_tokenizer import load_chat_template, load_tokenizer

        reader = GGUFReader(str(model))
        template = load_chat_template(reader)
        self.tokenizer = load_tokenizer(reader)
        self.vocab = self.tokenizer.get_vocab_size()
        self.end_token = reader.fields["tokenizer.ggml.eos_token_id"].contents()
        lines = Path(jobs.QUESTIONS).read_text(encoding="utf-8").splitlines()
        self.prompts = [self.tokenizer.encode(template(json.loads(line)["messages"])).ids for line in lines]
        self.expected = [json.loads(line)["answer"] for line in lines]

    def right(self, answers):
        """The share that begins with the expected word."""
        texts = (self.tokenizer.decode(answer).strip().lower() for answer in answers)
        return sum(text.startswith(word) for text, word in zip(texts, self.expected)) / len(answers)


def open_engine(engine, job, end_token):
    if engine.module == "llama.cpp":
        return llama_cpp_engine.LlamaCpp(job["path"], job["threads"], **engine.settings)
    from .openvino_engine import OpenVino

    return OpenVino(job["path"], job["threads"], end_token, engine.settings)


def main():
    job = json.loads(sys.argv[1])
    engine = ENGINES[job["engine"]]
    sys.path.insert(0, str(environment.llama_folder(job["venv"], engine.llama_build)))
    sys.path.append(str(Path(__file__).resolve().parents[2] / "python"))
    if "make" in job:
        llama_cpp_engine.make_file(Path(job["path"]), Path(job["make"]), job["type"])
        return
    questions = Questions(job["questions_model"])
    measured = jobs.Jobs(open_engine(engine, job, questions.end_token), questions)
    for column in job["columns"]:
        start = time.perf_counter()
        figures, disturbed = machine.undisturbed(lambda: measured.measure(column), job["disturbance"])
        seconds = time.perf_counter() - start
        print(
            json.dumps({"column": column, **figures, "disturbed": disturbed, "seconds": seconds}), flush=True
        )


if __name__ == "__main__":
    main()
