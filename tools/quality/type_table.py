#!/usr/bin/env python3
"""Every family with every type against Hugging Face's float32 on the same dequantized weights, and real models beside
llama.cpp on the same files: the last part of docs/results/quality.md.

Random models come from write_random_model (built with the tests), real files of other types from llama.cpp's
quantizer. Needs torch, transformers and gguf; --llama-cpp names a Python that has llama-cpp-python.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader

from compare_hf import ROOT, compare
from llama_cpp_side import FILE_TYPES
from reference_model import CLASSES, load_reference

sys.path.insert(0, str(ROOT / "tools"))
from default_model import default_model_path  # noqa: E402
from gguf_tokenizer import load_tokenizer  # noqa: E402
from make_gemma_golden import build_sentencepiece  # noqa: E402

HEADING = "## Families and types"
TYPES = [
    *("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"),
    *("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"),
]
RANDOM_TOKENS, REAL_TOKENS, GEMMA_TOKENS = 512, 2048, 1024
KV_TYPES = ["f32", "f16", "bf16", "q8_0"]
F32, NATIVE = ("--dtype", "f32", "--kv-dtype", "f32"), ()


class Bench:
    """Runs the programs in a folder of their own."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, Path(folder)
        self.tokens, self.dump = self.folder / "tokens.txt", self.folder / "logits.f32"

    def reference(self, model, ids):
        self.tokens.write_text(" ".join(map(str, ids)))
        with torch.no_grad():
            return load_reference(model, attention="sdpa")(torch.tensor([list(ids)])).logits[0].numpy()

    def isobatch(self, model, reference, options):
        command = [self.arguments.dump_logits, "-m", model, "--tokens", self.tokens, "-o", self.dump, *options]
        subprocess.run([*map(str, command)], check=True)
        return np.fromfile(self.dump, np.float32).reshape(reference.shape)

    def llama_cpp(self, *command):
        side = Path(__file__).with_name("llama_cpp_side.py")
        subprocess.run([*map(str, [self.arguments.llama_cpp, side, *command])], check=True)

    def llama_cpp_logits(self, model, reference):
        self.llama_cpp("logits", model, self.tokens, self.dump)
        return np.fromfile(self.dump, np.float32).reshape(reference.shape)


def row(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def table(head, rows):
    return [row(head), row(["---"] * len(head)), *map(row, rows), ""]


def random_models(bench):
    """Two tables of lines: f32, then native."""
    ids = np.random.default_rng(1).integers(3, 1000, RANDOM_TOKENS)
    exact, native = [], []
    for kind in TYPES:
        exact.append([kind])
        native.append([kind])
        for family in CLASSES:
            model = bench.folder / "random.gguf"
            subprocess.run([bench.arguments.write_random_model, model, family, kind], check=True)
            reference = bench.reference(model, ids)
            f32 = compare(reference, bench.isobatch(model, reference, F32), ids)
            own = compare(reference, bench.isobatch(model, reference, NATIVE), ids)
            exact[-1].append(f"{f32['largest']:.1e}, {f32['changes']}")
            native[-1].append(f"{own['divergence']:.1e}, {own['changes']}")
            print(kind, family, exact[-1][-1], "|", native[-1][-1], flush=True)
    head = ["matrices", *CLASSES]
    return [
        "### Random models",
        "",
        f"Seven layers of 256 with lively attention; {RANDOM_TOKENS} random tokens in one context; K-quants and IQ4 of",
        "random bytes. Gemma's windows are shorter than the text. In f32 (KV f32): the greatest |Δ logit| and the next",
        "tokens that differ.",
        "",
        *table(head, exact),
        "In `native` (KV bf16), the default: mean KL to Hugging Face's float32, and the next tokens that differ. Random",
        "models have flat logits, so more of their next tokens change than of trained models, below.",
        "",
        *table(head, native),
    ]


def figures_of(reference, other, ids):
    f = compare(reference, other, ids)
    change = 100 * (f["perplexity"] / f["reference_perplexity"] - 1)
    return f, [f"{f['divergence']:.2e}", f"{change:+.3f} %", f"{f['changes']} ({f['clear_changes']})"]


def real_row(bench, name, model, ids):
    reference = bench.reference(model, ids)
    figures, own = figures_of(reference, bench.isobatch(model, reference, NATIVE), ids)
    theirs = ["–"] * 3
    if bench.arguments.llama_cpp:
        theirs = figures_of(reference, bench.llama_cpp_logits(model, reference), ids)[1]
    types = {}
    for tensor in GGUFReader(model).tensors:
        kind = tensor.tensor_type.name
        if kind != "F32":
            types[kind] = types.get(kind, 0) + 1
    cells = [name, ", ".join(sorted(types, key=types.get, reverse=True)), f"{figures['reference_perplexity']:.3f}"]
    print(*cells, own, theirs, flush=True)
    return [*cells, *own, *theirs]


def tokens_of(model, count):
    text = Path(__file__).with_name("text.txt").read_text()
    return np.array(load_tokenizer(GGUFReader(model)).encode(text, add_special_tokens=False).ids[:count])


def real_models(bench):
    source = bench.arguments.model
    ids = tokens_of(source, REAL_TOKENS)
    rows = []
    for kind in FILE_TYPES:
        model = source
        if kind != "Q4_1":
            if not bench.arguments.llama_cpp:
                continue
            model = bench.folder / "other.gguf"
            bench.llama_cpp("quantize", source, model, kind)
        rows.append(real_row(bench, f"SmolLM2-135M, {kind}", model, ids))
    if bench.arguments.gemma3:
        rows.append(real_row(bench, "Gemma 3 270M, Q4_K_M", bench.arguments.gemma3, gemma_tokens(bench.arguments.gemma3)))
    head = ["file", "types of its matrices", "perplexity, HF", "isobatch: KL", "perplexity", "next tokens that differ"]
    return [
        "### Real models",
        "",
        f"{REAL_TOKENS} tokens of `tools/quality/text.txt` (Gemma: {GEMMA_TOKENS}), against Hugging Face's float32 on the file's own",
        "dequantized weights. isobatch: `native`, KV bf16. llama.cpp: its defaults, KV f16. Next tokens that differ: of",
        "all positions, in brackets of those where the first logit leads by more than 0.01. All files but Q4_1 and",
        "Gemma's are made from the Q4_1 file.",
        "",
        *table([*head, "llama.cpp: KL", "perplexity", "next tokens that differ"], rows),
    ]


def gemma_tokens(model):
    reader = GGUFReader(model)

    def value(key):
        return reader.fields["tokenizer.ggml." + key].contents()

    text = Path(__file__).with_name("text.txt").read_text()
    pieces = build_sentencepiece(value("tokens"), value("scores"), value("token_type"))
    return np.array([value("bos_token_id"), *pieces.encode(text)][:GEMMA_TOKENS])


def kv_types(bench):
    ids = tokens_of(bench.arguments.model, REAL_TOKENS)
    reference = bench.reference(bench.arguments.model, ids)
    rows = []
    for dtype in ("f32", "native"):
        for kv in KV_TYPES:
            logits = bench.isobatch(bench.arguments.model, reference, ["--dtype", dtype, "--kv-dtype", kv])
            rows.append([dtype, kv, *figures_of(reference, logits, ids)[1]])
            print(*rows[-1], flush=True)
    return [
        "### KV cache",
        "",
        "SmolLM2-135M, Q4_1, the same text.",
        "",
        *table(["dtype", "KV", "KL", "perplexity", "next tokens that differ"], rows),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump-logits", required=True, help="isobatch_dump_logits")
    parser.add_argument("--write-random-model", required=True)
    parser.add_argument("--llama-cpp", help="a Python with llama-cpp-python")
    parser.add_argument("-m", "--model", default=default_model_path())
    parser.add_argument("--gemma3", help="the file that tools/fetch_gemma3.sh fetches")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "results" / "quality.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, folder)
        lines = [
            HEADING,
            "",
            f"Against transformers {version('transformers')} with torch {version('torch')}. Made by",
            "`tools/quality/type_table.py`.",
            "",
            *random_models(bench),
            *real_models(bench),
            *kv_types(bench),
        ]
    before = arguments.output.read_text().split(HEADING)[0] if arguments.output.exists() else ""
    arguments.output.write_text(f"{before.rstrip()}\n\n{chr(10).join(lines).rstrip()}\n")


if __name__ == "__main__":
    main()
