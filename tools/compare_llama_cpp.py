#!/usr/bin/env python3
"""Measures isobatch and llama.cpp in turns on one machine and writes the table of docs/results/first_light_speed.md.

llama.cpp is what PyPI's source package llama-cpp-python builds, called through its C API:

    CMAKE_ARGS=-DGGML_NATIVE=ON pip install --no-binary :all: llama-cpp-python

Both are timed on the model as Q4_1 (the file itself), Q4_0 and Q8_0 (requantized by llama.cpp, kept in the cache
folder), as `isobatch bench` defines it: prefill of 512 random tokens; decode at a batch size B with 128-token
random prompts, B * 31 / (time of 32 new tokens - time of 1). llama.cpp runs with flash attention off and on.
llama.cpp's tokens are given, not sampled, and its KV cache is f16, its default.
Every round appends its figures to the raw file; the report takes the medians of all rounds found there.
"""

import argparse
import ctypes
import json
import random
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from gguf_tokenizer import default_model_path

ROOT = Path(__file__).resolve().parent.parent
PREFILL, PROMPT, NEW = 512, 128, 32
BATCH_SIZES = (1, 4, 16, 64)
COLUMNS = ["prefill_512", *(f"decode_{batch}" for batch in BATCH_SIZES)]
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

    def measure(self):
        self.prefill_rate()  # touches the weights once
        return {"prefill_512": self.prefill_rate(), **{f"decode_{b}": self.decode_rate(b) for b in BATCH_SIZES}}


def measure_isobatch(binary, path, threads, kernels):
    command = [binary, "bench", "-m", path, "--json", "--threads", str(threads), "--kernels", kernels]
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


def measure_round(arguments):
    import llama_cpp

    silence = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silence, ctypes.c_void_p(0))
    for kind in arguments.types:
        path = model_file(arguments.model, kind)
        for flash_attention in (False, True):
            llama = LlamaCpp(path, arguments.threads, flash_attention)
            name = f"llama.cpp, flash attention {'on' if flash_attention else 'off'}"
            yield {"engine": name, "type": kind, **llama.measure()}
            llama.close()
            if not flash_attention:
                rates = measure_isobatch(arguments.binary, path, arguments.threads, arguments.kernels)
                yield {"engine": "isobatch", "type": kind, **rates}


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

    by_row = {}
    for run in runs:
        by_row.setdefault((run["engine"], run["type"]), []).append(run)
    rates = {row: {c: statistics.median(r[c] for r in of_row) for c in COLUMNS} for row, of_row in by_row.items()}
    rounds = min(len(of_row) for of_row in by_row.values())
    best = {c: max(rate[c] for row, rate in rates.items() if row[0] != "isobatch") for c in COLUMNS}
    model, flags = cpu_description()
    isobatch_version = subprocess.run([arguments.binary, "--version"], capture_output=True, text=True).stdout.strip()
    header = "| | file | prefill 512 | " + " | ".join(f"decode, batch {b}" for b in BATCH_SIZES) + " |"
    lines = [
        "# Speed beside llama.cpp",
        "",
        f"Tokens/s of SmolLM2-135M-Instruct, {arguments.threads} threads, medians of {rounds} rounds in which the",
        "engines take turns; made by `tools/compare_llama_cpp.py`, whose first comment says what is timed.",
        "",
        f"- Machine: {model}; {' '.join(flags)}",
        f"- isobatch: {isobatch_version}, kernel table `{arguments.kernels}`, dtype native, KV bf16",
        f"- llama.cpp: from llama-cpp-python {version('llama-cpp-python')}, built with GGML_NATIVE=ON, KV f16;",
        f"  {llama_cpp.llama_print_system_info().decode().strip().rstrip('|').strip()}",
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", help="the isobatch binary")
    parser.add_argument("-m", "--model", type=Path, default=default_model_path(), help="the Q4_1 file")
    parser.add_argument("--types", nargs="+", default=list(FILE_TYPES), choices=FILE_TYPES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kernels", default="vnni")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--raw", type=Path, default=ROOT / "out" / "compare_llama_cpp.jsonl")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "results" / "first_light_speed.md")
    arguments = parser.parse_args()

    arguments.raw.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(arguments.rounds):
        for run in measure_round(arguments):
            print(json.dumps(run), flush=True)
            with arguments.raw.open("a") as raw:
                raw.write(json.dumps(run) + "\n")
    runs = [json.loads(line) for line in arguments.raw.read_text().splitlines()]
    arguments.output.write_text(report(arguments, runs))


if __name__ == "__main__":
    main()
