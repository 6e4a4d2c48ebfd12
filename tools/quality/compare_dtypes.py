#!/usr/bin/env python3
"""How far native and native8 are from isobatch's own f32 on the same file, at every position of text.txt.

Needs numpy, gguf and tokenizers, but no other engine: f32 is Hugging Face's float32 to a mean KL of 2e-10
(docs/results/quality.md). Writes one Markdown table; ends with an error if a figure is outside its bound.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGUFReader

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(Path(__file__).parent)]
from compare_hf import compare  # noqa: E402
from default_model import default_model_path  # noqa: E402
from gguf_tokenizer import load_tokenizer  # noqa: E402

BOUNDS = {"native": 0.0005, "native8": 0.01}  # of the mean KL


def dump(binary, model, ids, dtype, kv_dtype):
    with tempfile.TemporaryDirectory() as folder:
        tokens, logits = Path(folder, "tokens.txt"), Path(folder, "logits.f32")
        tokens.write_text(" ".join(map(str, ids)))
        command = [binary, "-m", model, "--tokens", tokens, "-o", logits, "--dtype", dtype, "--kv-dtype", kv_dtype]
        subprocess.run(command, check=True)
        return np.fromfile(logits, np.float32).reshape(len(ids), -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", help="isobatch_dump_logits")
    parser.add_argument("-m", "--models", nargs="+", type=Path, default=[default_model_path()])
    parser.add_argument("--text", type=Path, default=Path(__file__).with_name("text.txt"))
    parser.add_argument("--positions", type=int, default=2048)
    arguments = parser.parse_args()

    print("| file | dtype | mean KL | perplexity | change | next tokens that differ | of these clear |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    outside = []
    for model in arguments.models:
        tokenizer = load_tokenizer(GGUFReader(model))
        ids = np.array(tokenizer.encode(arguments.text.read_text(), add_special_tokens=False).ids)
        ids = ids[: arguments.positions]
        reference = dump(arguments.binary, model, ids, "f32", "f32")
        for dtype, bound in BOUNDS.items():
            f = compare(reference, dump(arguments.binary, model, ids, dtype, "bf16"), ids)
            change = 100 * (f["perplexity"] / f["reference_perplexity"] - 1)
            print(
                f"| {model.stem} | {dtype} | {f['divergence']:.3g} | {f['perplexity']:.3f} | {change:+.3f} % "
                f"| {f['changes']} ({f['changes'] / len(ids):.1%}) | {f['clear_changes']} |",
                flush=True,
            )
            if not f["divergence"] <= bound:
                outside.append(f"{model.stem}, {dtype}: mean KL {f['divergence']:.3g}, expected at most {bound}")
    sys.exit("\n".join(outside) if outside else 0)


if __name__ == "__main__":
    main()
