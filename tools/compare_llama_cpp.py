#!/usr/bin/env python3
"""Measures isobatch and llama.cpp in turns on one machine and writes the table of
docs/results/first_light_speed.md.

llama.cpp is what PyPI's source package llama-cpp-python builds, called through its C API:

    CMAKE_ARGS=-DGGML_NATIVE=ON pip install --no-binary :all: llama-cpp-python

Both are timed on the model as Q4_1 (the file itself), Q4_0 and Q8_0 (requantized by llama.cpp, kept in the
cache folder), as `isobatch bench` defines it: prefill of 512 random tokens; decode at a batch size B with
128-token random prompts, B * 31 / (time of the 31 steps after each has its first token). llama.cpp runs with flash attention
off and on. llama.cpp's tokens are given, not sampled, and its KV cache is f16, its default.

A figure during which other processes took more than --disturbance of the CPUs' time is measured again.
Every figure is appended to the raw file; a run that was stopped goes on from there. The report takes the
medians.
"""

import argparse
import ctypes
import json
import os
import random
import statistics
import subprocess
import time
from collections import Counter
from functools import partial
from importlib.metadata import version
from pathlib import Path

from gguf_tokenizer import default_model_path

ROOT = Path(__file__).resolve().parent.parent
PREFILL, PROMPT, NEW = 512, 128, 32
BATCH_SIZES = (1, 4, 16, 64)
COLUMNS = ["prefill_512", *(f"decode_{batch}" for batch in BATCH_SIZES)]
ENGINES = ("llama.cpp, flash attention off", "isobatch", "llama.cpp, flash attention on")
FILE_TYPES = {"Q4_0": 2, "Q4_1": 3, "Q8_0": 7}  # llama_ftype
Q8_0_TENSOR = 8  # ggml_type


class LlamaCpp:
    """One model in llama.cpp, timed through llama_decode."""

    def __init__(self, path, threads, flash_attention):
        import llama_cpp

        self.api = llama_cpp
        self.threads, self.flash_attention = threads, flash_attention
        parameters = self.api.llama_model_default_params()
        self.model = self.api.llama_model_load_from_file(str(path).encode(), parameters)
        self.vocab = self.api.llama_vocab_n_tokens(self.api.llama_model_get_vocab(self.model))
        self.random = random.Random(0)

    def close(self):
        self.api.llama_model_free(self.model)

    def context(self, sequences, positions):
        parameters = self.api.llama_context_default_params()
        parameters.n_ctx = sequences * (-(-positions // 256) * 256)
        parameters.n_batch, parameters.n_ubatch = 2048, 512
        parameters.n_seq_max = sequences
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.flash_attn_type = 1 if self.flash_attention else 0
        parameters.kv_unified = False
        parameters.no_perf = True
        return self.api.llama_init_from_model(self.model, parameters)

    def decode(self, context, rows):
        """rows: (position, sequence, wants logits) of random tokens, at most 2048. Returns seconds."""
        batch = self.api.llama_batch_init(len(rows), 0, 1)
        batch.n_tokens = len(rows)
        for i, (position, sequence, wanted) in enumerate(rows):
            batch.token[i] = self.random.randrange(self.vocab)
            batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = position, 1, sequence
            batch.logits[i] = wanted
        start = time.perf_counter()
        if self.api.llama_decode(context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        self.api.llama_synchronize(context)
        seconds = time.perf_counter() - start
        self.api.llama_batch_free(batch)
        return seconds

    def prefill_rate(self):
        context = self.context(1, PREFILL)
        seconds = self.decode(context, [(p, 0, p == PREFILL - 1) for p in range(PREFILL)])
        self.api.llama_free(context)
        return PREFILL / seconds

    def decode_rate(self, batch_size):
        context = self.context(batch_size, PROMPT + NEW)
        rows = [(p, s, p == PROMPT - 1) for s in range(batch_size) for p in range(PROMPT)]
        for begin in range(0, len(rows), 2048):
            self.decode(context, rows[begin : begin + 2048])
        steps = [[(PROMPT + i, s, True) for s in range(batch_size)] for i in range(NEW - 1)]
        seconds = sum(self.decode(context, step) for step in steps)
        self.api.llama_free(context)
        return batch_size * (NEW - 1) / seconds

    def rate(self, column):
        return self.prefill_rate() if column == "prefill_512" else self.decode_rate(int(column.split("_")[1]))


def measure_isobatch(arguments, path):
    command = [arguments.binary, "bench", "-m", path, "--json", "--no-peaks"]
    command += ["--threads", str(arguments.threads), "--kernels", arguments.kernels]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {
        "prefill_512": result["prefill_512"],
        **{f"decode_{batch}": result["decode"][str(batch)] for batch in BATCH_SIZES},
    }


def model_file(base, kind):
    """The model as Q4_0, Q4_1 or Q8_0; made by llama.cpp's quantizer if it is not there yet."""
    if kind == "Q4_1":
        return base
    import llama_cpp

    path = base.with_name(base.name.replace("Q4_1", kind))
    if not path.exists():
        parameters = llama_cpp.llama_model_quantize_default_params()
        parameters.ftype = FILE_TYPES[kind]
        parameters.allow_requantize = True
        parameters.token_embedding_type = parameters.output_tensor_type = Q8_0_TENSOR
        partial = path.with_suffix(".partial")
        source = str(base).encode(), str(partial).encode()
        if llama_cpp.llama_model_quantize(*source, ctypes.byref(parameters)) != 0:
            raise RuntimeError(f"{path}: quantization failed")
        partial.rename(path)
    return path


def cpu_seconds():
    """CPU time of the whole machine, lost time of a virtual machine included, and of this process and its
    children.
    """
    fields = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    own = os.times()
    all_busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return all_busy, own.user + own.system + own.children_user + own.children_system


def undisturbed(measure, limit):
    """The value of measure(), repeated until other processes took at most `limit` of the CPUs' time."""
    while True:
        (all_before, own_before), start = cpu_seconds(), time.perf_counter()
        value = measure()
        (all_after, own_after), seconds = cpu_seconds(), time.perf_counter() - start
        others = (all_after - all_before) - (own_after - own_before)
        share = others / (seconds * os.cpu_count())
        if share <= limit:
            return value
        print(f"  disturbed: others took {100 * share:.0f} % of the CPUs; again", flush=True)
        time.sleep(2)


def measure_llama_cpp(arguments, path, flash_attention, columns):
    llama = LlamaCpp(path, arguments.threads, flash_attention)
    llama.prefill_rate()  # touches the weights once
    for column in columns:
        yield column, undisturbed(partial(llama.rate, column), arguments.disturbance)
    llama.close()


def measure_round(arguments, missing):
    """Yields the figures of one round that missing(engine, type, column) asks for."""
    for kind in arguments.types:
        path = model_file(arguments.model, kind)
        for engine in ENGINES:
            columns = [column for column in COLUMNS if missing(engine, kind, column)]
            if not columns:
                continue
            if engine == "isobatch":
                rates = undisturbed(partial(measure_isobatch, arguments, path), arguments.disturbance).items()
            else:
                rates = measure_llama_cpp(arguments, path, engine.endswith("on"), columns)
            for column, rate in rates:
                yield {"engine": engine, "type": kind, "column": column, "rate": rate}


def cpu_description():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    present = fields.get("flags", "").split()
    wanted = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    model = f"{fields.get('model name')} (family {fields.get('cpu family')}, model {fields.get('model')})"
    return model, [flag for flag in wanted if flag in present]


def report(arguments, runs):
    import llama_cpp

    cells = {}
    for run in runs:
        cells.setdefault((run["engine"], run["type"]), {}).setdefault(run["column"], []).append(run["rate"])
    rates = {row: {c: statistics.median(of_row[c]) for c in COLUMNS} for row, of_row in cells.items()}
    rounds = min(len(values) for of_row in cells.values() for values in of_row.values())
    best = {c: max(rate[c] for row, rate in rates.items() if row[0] != "isobatch") for c in COLUMNS}
    model, flags = cpu_description()
    isobatch_version = subprocess.run(
        [arguments.binary, "--version"], capture_output=True, text=True
    ).stdout.strip()
    header = "| | file | prefill 512 | " + " | ".join(f"decode, batch {b}" for b in BATCH_SIZES) + " |"
    lines = [
        "# Speed beside llama.cpp",
        "",
        f"Tokens/s of SmolLM2-135M-Instruct, {arguments.threads} threads, medians of {rounds} rounds in
        which the", "engines take turns; made by `tools/compare_llama_cpp.py`, whose first comment says what
        is timed.", "",
        f"- Machine: {model}; {' '.join(flags)}",
        f"- isobatch: {isobatch_version}, kernel table `{arguments.kernels}`, dtype native, KV bf16",
        f"- llama.cpp: from llama-cpp-python {version('llama-cpp-python')}, built with GGML_NATIVE=ON, KV
        f16;", f"  {llama_cpp.llama_print_system_info().decode().strip().rstrip('|').strip()}",
        "",
        header,
        "| --- " * (len(COLUMNS) + 2) + "|",
    ]
    for (engine, kind), rate in sorted(rates.items()):
        lines.append(f"| {engine} | {kind} | " + " | ".join(f"{rate[c]:.0f}" for c in COLUMNS) + " |")
    lines.append("| best of llama.cpp | | " + " | ".join(f"{best[c]:.0f}" for c in COLUMNS) + " |")
    for (engine, kind), rate in sorted(rates.items()):
        if engine == "isobatch":
            ratios = " | ".join(f"{rate[c] / best[c]:.2f}×" for c in COLUMNS)
            lines.append(f"| isobatch over that best | {kind} | {ratios} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("binary", help="the isobatch binary")
    parser.add_argument("-m", "--model", type=Path, default=default_model_path(), help="the Q4_1 file")
    parser.add_argument("--types", nargs="+", default=list(FILE_TYPES), choices=FILE_TYPES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kernels", default="vnni")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--disturbance", type=float, default=0.03, help="share of the CPUs' time")
    parser.add_argument("--raw", type=Path, default=ROOT / "out" / "compare_llama_cpp.jsonl")
    parser.add_argument(
        "-o", "--output", type=Path, default=ROOT / "docs" / "results" / "first_light_speed.md"
    )
    arguments = parser.parse_args()

    import llama_cpp

    silence = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silence, ctypes.c_void_p(0))
    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    arguments.raw.touch()
    runs = [json.loads(line) for line in arguments.raw.read_text().splitlines()]
    done = Counter((run["engine"], run["type"], run["column"]) for run in runs)
    for number in range(arguments.rounds):
        for run in measure_round(arguments, lambda *cell: done[cell] <= number):
            done[run["engine"], run["type"], run["column"]] += 1
            runs.append(run)
            print(json.dumps(run), flush=True)
            with arguments.raw.open("a") as raw:
                raw.write(json.dumps(run) + "\n")
    arguments.output.write_text(report(arguments, runs))


if __name__ == "__main__":
    main()
