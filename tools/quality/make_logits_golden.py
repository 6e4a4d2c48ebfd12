#!/usr/bin/env python3
"""Hugging Face's float32 logits over text.txt in one context: all of them as a .npy file, and a small
golden file. On request, its bfloat16 logits as well.

tests/golden/hf_logits.json holds the token ids of the text and, at 64 positions spread over it, the ids and
values of the 32 largest logits. A CI machine has no torch; the golden file stands in for it.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader

from reference_model import cast_to_bf16, load_reference

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from default_model import default_model_path  # noqa: E402
from gguf_tokenizer import load_tokenizer  # noqa: E402

POSITIONS, TOP = 64, 32


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", default=default_model_path())
    parser.add_argument("--text", type=Path, default=Path(__file__).with_name("text.txt"))
    parser.add_argument("--logits", type=Path, required=True, help="all logits, .npy, f32 [positions, vocab]")
    parser.add_argument("--bf16-logits", type=Path, help="the same of the model in bfloat16, widened to f32")
    parser.add_argument("--golden", type=Path, default=ROOT / "tests" / "golden" / "hf_logits.json")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    tokenizer = load_tokenizer(GGUFReader(arguments.model))
    ids = tokenizer.encode(arguments.text.read_text(), add_special_tokens=False).ids
    model = load_reference(arguments.model, attention="sdpa")
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].numpy()
    np.save(arguments.logits, logits)
    if arguments.bf16_logits:
        cast_to_bf16(model)
        with torch.no_grad():
            np.save(arguments.bf16_logits, model(torch.tensor([ids])).logits[0].float().numpy())

    positions = np.linspace(0, len(ids) - 1, POSITIONS).round().astype(int).tolist()
    rows = []
    for position in positions:
        row = logits[position]
        top = np.argsort(-row, kind="stable")[:TOP]
        rows.append({"position": position, "ids": top.tolist(), "logits": [float(row[i]) for i in top]})
    compact = {"separators": (",", ":")}
    lines = ",\n  ".join(json.dumps(row, **compact) for row in rows)
    arguments.golden.write_text(f'{{"tokens": {json.dumps(ids, **compact)},\n "rows": [\n  {lines}\n]}}\n')


if __name__ == "__main__":
    main()
