#!/usr/bin/env python3
"""Compares isobatch's logits with Hugging Face's at every position of text.txt: all dtypes with its float32, and
bf16 with its bfloat16 too.

Reads the logits that make_logits_golden.py saved, runs isobatch_dump_logits for each dtype, writes the
table of docs/results/quality.md and ends with an error if a figure is outside its bound.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGUFReader

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from default_model import default_model_path  # noqa: E402
from gguf_tokenizer import load_tokenizer  # noqa: E402

FORMS = [  # dtype, KV dtype
    ("f32", "f32"),
    ("f32", "bf16"),
    ("native", "f32"),
    ("native", "bf16"),
    ("bf16", "bf16"),
    ("bf16", "f32"),
]
MARGIN = 1e-2  # below it rounding may well exchange HF's first and second token
# Bounds: name, compared value, limit.
BOUNDS = {
    ("f32", "f32"): {"largest": 2e-3, "divergence": 1e-8, "clear_changes": 0},
    ("native", "bf16"): {"perplexity_change": 0.005, "divergence": 0.004},
}
# Of dtype bf16 with KV bf16: figures relative to those of Hugging Face's bfloat16, both against its float32.
BF16_BOUNDS = {"divergence": 1.1, "changes": 1.1}
BF16, HF_BF16, BOTH_BF16 = ("bf16", "bf16"), "Hugging Face bfloat16", "bf16 against Hugging Face bfloat16"
CHUNK = 128  # positions compared at once


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def compare(reference, other, ids):
    """Figures of `other` against `reference`, both f32 [positions, vocab]."""
    largest, divergence, changes, clear_changes, clear, ties = 0.0, 0.0, 0, 0, 0, 0
    nll = np.zeros(2)
    for begin in range(0, len(ids), CHUNK):
        rows = slice(begin, min(begin + CHUNK, len(ids)))
        a, b = reference[rows], other[rows]
        largest = max(largest, float(np.abs(a - b).max()))
        second, first = np.partition(a, -2, axis=1)[:, -2:].T
        is_clear = first - second > MARGIN
        changed = a.argmax(axis=1) != b.argmax(axis=1)
        changes += int(changed.sum())
        clear_changes += int((changed & is_clear).sum())
        clear += int(is_clear.sum())
        second, first = np.partition(b, -2, axis=1)[:, -2:].T
        ties += int((first == second).sum())
        a, b = log_softmax(a), log_softmax(b)
        divergence += float((np.exp(a) * (a - b)).sum())
        targets = ids[begin + 1 : begin + 1 + len(a)]
        nll -= [log[np.arange(len(targets)), targets].sum() for log in (a, b)]
    perplexity = np.exp(nll / (len(ids) - 1))
    return {
        "largest": largest,
        "divergence": divergence / len(ids),
        "changes": changes,
        "clear_changes": clear_changes,
        "clear": clear,
        "ties": ties,
        "reference_perplexity": perplexity[0],
        "perplexity": perplexity[1],
        "perplexity_change": abs(perplexity[1] / perplexity[0] - 1),
    }


def failures(figures):
    for form, bounds in BOUNDS.items():
        for name, limit in bounds.items():
            if not figures[form][name] <= limit:
                yield f"{'/'.join(form)}: {name} is {figures[form][name]:.3g}, expected at most {limit:g}"
    for name, factor in BF16_BOUNDS.items():
        ours, theirs = figures[BF16][name], figures[HF_BF16][name]
        if not ours <= factor * theirs:
            yield f"bf16: {name} is {ours:.3g}, expected at most {factor:g} × Hugging Face's {theirs:.3g}"


def report(figures, ids):
    first = figures[FORMS[0]]
    lines = [
        "# Quality beside Hugging Face",
        "",
        f"SmolLM2-135M-Instruct (the Q4_1 file), {len(ids)} tokens of `tools/quality/text.txt` in one",
        f"context, against transformers {version('transformers')} with torch {version('torch')} in float32 on the",
        f"same dequantized weights (perplexity {first['reference_perplexity']:.4f}). Made by",
        "`tools/quality/compare_hf.py`.",
        "",
        f"\"Clear\" are the {first['clear']} positions where HF's first logit leads by more than {MARGIN:g}.",
        "",
        "| dtype | KV | max abs. difference | mean KL | perplexity | change | argmax differs | of these clear |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for dtype, kv in FORMS:
        f = figures[dtype, kv]
        change = 100 * (f["perplexity"] / f["reference_perplexity"] - 1)
        lines.append(
            f"| {dtype} | {kv} | {f['largest']:.3g} | {f['divergence']:.3g} | {f['perplexity']:.4f} "
            f"| {change:+.4f} % | {f['changes']} ({f['changes'] / len(ids):.2%}) | {f['clear_changes']} |"
        )
    lines.append("")
    for form, bounds in BOUNDS.items():
        lines.append(f"Bounds for {form[0]} with KV {form[1]}:")
        words = {
            "largest": "max abs. difference",
            "divergence": "mean KL",
            "clear_changes": "changed argmax at clear positions",
            "perplexity_change": "relative change of perplexity",
        }
        lines[-1] += " " + ", ".join(f"{words[name]} ≤ {limit:g}" for name, limit in bounds.items()) + "."
    lines += report_bf16(figures, ids)
    return "\n".join(lines) + "\n"


def report_bf16(figures, ids):
    lines = [
        "",
        "## bf16 beside torch.bfloat16",
        "",
        "The same model in Hugging Face with its parameters cast to bfloat16 (products and attention in float32 of",
        "bfloat16 inputs, rounded to bfloat16: `tools/quality/reference_model.py`), and ours with `--dtype bf16`, both",
        "against Hugging Face's float32. A tie: several tokens have the greatest logit; the smallest id is taken.",
        "",
        "| what | against | max abs. difference | mean KL | perplexity | argmax differs | ties |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        (HF_BF16, "HF float32", HF_BF16),
        ("isobatch bf16, KV bf16", "HF float32", BF16),
        ("isobatch bf16, KV f32", "HF float32", ("bf16", "f32")),
        ("isobatch bf16, KV bf16", "HF bfloat16", BOTH_BF16),
    ]
    for what, against, key in rows:
        f = figures[key]
        lines.append(
            f"| {what} | {against} | {f['largest']:.3g} | {f['divergence']:.3g} | {f['perplexity']:.4f} "
            f"| {f['changes']} ({f['changes'] / len(ids):.2%}) | {f['ties']} ({f['ties'] / len(ids):.2%}) |"
        )
    kl, changes = BF16_BOUNDS["divergence"], BF16_BOUNDS["changes"]
    lines += [
        "",
        f"Bounds for bf16 with KV bf16, against float32: mean KL ≤ {kl:g} × and changed argmax ≤ {changes:g} ×",
        "Hugging Face's own in bfloat16.",
    ]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="isobatch_dump_logits")
    parser.add_argument("-m", "--model", default=default_model_path())
    parser.add_argument("--text", type=Path, default=Path(__file__).with_name("text.txt"))
    parser.add_argument("--logits", type=Path, required=True, help="HF's logits, from make_logits_golden.py")
    parser.add_argument("--bf16-logits", type=Path, required=True, help="the same in bfloat16")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "results" / "quality.md")
    arguments = parser.parse_args()

    tokenizer = load_tokenizer(GGUFReader(arguments.model))
    ids = np.array(tokenizer.encode(arguments.text.read_text(), add_special_tokens=False).ids)
    reference = np.load(arguments.logits, mmap_mode="r")
    if len(reference) != len(ids):
        sys.exit(f"{arguments.logits}: expected {len(ids)} positions, got {len(reference)}; make it anew")
    in_bf16 = np.load(arguments.bf16_logits, mmap_mode="r")
    figures = {HF_BF16: compare(reference, in_bf16, ids)}
    with tempfile.TemporaryDirectory() as folder:
        tokens, dump = Path(folder, "tokens.txt"), Path(folder, "logits.f32")
        tokens.write_text(" ".join(map(str, ids)))
        for form in FORMS:
            command = [arguments.binary, "-m", arguments.model, "--tokens", tokens, "-o", dump]
            subprocess.run([*command, "--dtype", form[0], "--kv-dtype", form[1]], check=True)
            logits = np.fromfile(dump, np.float32).reshape(reference.shape)
            figures[form] = compare(reference, logits, ids)
            print(form, figures[form], flush=True)
            if form == BF16:
                figures[BOTH_BF16] = compare(in_bf16, logits, ids)
    others = arguments.output.read_text().partition("\n## Families and types")  # type_table.py's
    arguments.output.write_text(report(figures, ids) + "".join(others[1:]))
    found = list(failures(figures))
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
