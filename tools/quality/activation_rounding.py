#!/usr/bin/env python3
"""What rounding the matrix inputs costs in quality: perplexity, KL divergence to float32, changed argmax.

The reference model runs in float32; hooks round the input of every linear layer, the head included, in one
of the forms that docs/decisions weighs for `--dtype native`. Prints a Markdown table.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from gguf import GGUFReader
from transformers import AttentionInterface

from reference_model import load_reference

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from default_model import default_model_path  # noqa: E402
from gguf_tokenizer import load_tokenizer  # noqa: E402


def bf16(x):
    return x.to(torch.bfloat16).to(torch.float32)


def quantize(group, levels):
    """Symmetric rounding to -levels..levels with one scale for each `group` values of a row (0: the whole
    row).
    """

    def apply(x):
        blocks = x.unflatten(-1, (-1, group or x.shape[-1]))
        scale = blocks.abs().amax(-1, keepdim=True) / levels
        inverse = torch.where(scale > 0, 1 / scale, torch.zeros_like(scale))
        return (torch.round(blocks * inverse).clamp(-levels, levels) * scale).flatten(-2)

    return apply


def bf16_attention(module, query, key, value, attention_mask, scaling, **_):
    """q, k, v and the unnormalized p rounded to bf16, the denominator summed over the rounded p (N-ATT-B)."""
    groups = query.shape[1] // key.shape[1]
    key, value = (bf16(t).repeat_interleave(groups, dim=1) for t in (key, value))
    scores = bf16(query) @ key.transpose(2, 3) * scaling
    length = query.shape[2]
    scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), float("-inf"))
    p = bf16(torch.exp(scores - scores.amax(-1, keepdim=True)))
    return ((p @ value) / p.sum(-1, keepdim=True)).transpose(1, 2).contiguous(), None


AttentionInterface.register("bf16", bf16_attention)

# name: (rounding of the matrix inputs, attention)
FORMS = {
    "bf16": (bf16, "sdpa"),
    "int8, groups of 32": (quantize(32, 127), "sdpa"),
    "int8, groups of 64": (quantize(64, 127), "sdpa"),
    "int8, groups of 192": (quantize(192, 127), "sdpa"),
    "int8, one scale a row": (quantize(0, 127), "sdpa"),
    "11 bits (hi, lo), groups of 32": (quantize(32, 1023), "sdpa"),
    "11 bits (hi, lo), groups of 64": (quantize(64, 1023), "sdpa"),
    "11 bits (hi, lo), groups of 192": (quantize(192, 1023), "sdpa"),
    "f32, attention by N-ATT-B (q, k, v, p in bf16)": (None, "bf16"),
    "int8, groups of 32, attention by N-ATT-B": (quantize(32, 127), "bf16"),
    "bf16, attention by N-ATT-B": (bf16, "bf16"),
}


def log_probabilities(model, window):
    return torch.log_softmax(model(window[None]).logits[0], dim=-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", default=default_model_path())
    parser.add_argument("--text", type=Path, default=Path(__file__).with_name("text.txt"))
    parser.add_argument("--window", type=int, default=1024, help="tokens of context")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)

    tokenizer = load_tokenizer(GGUFReader(arguments.model))
    ids = torch.tensor(tokenizer.encode(arguments.text.read_text(), add_special_tokens=False).ids)
    windows = ids.split(arguments.window)
    model = load_reference(arguments.model, attention="sdpa")
    rounding = None

    def round_input(_, inputs):
        return (rounding(inputs[0]), *inputs[1:]) if rounding else None

    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_pre_hook(round_input)

    totals = {form: torch.zeros(3, dtype=torch.float64) for form in FORMS}
    reference_nll, predicted, rows = 0.0, 0, 0
    for window in windows:
        rounding = None
        model.set_attn_implementation("sdpa")
        reference = log_probabilities(model, window)
        targets = window[1:, None]
        reference_nll -= reference[:-1].gather(1, targets).double().sum().item()
        predicted += len(targets)
        rows += len(window)
        for form, (rounding, attention) in FORMS.items():
            start = time.time()
            model.set_attn_implementation(attention)
            other = log_probabilities(model, window)
            divergence = (reference.exp() * (reference - other)).sum(-1).double().sum()
            changes = (reference.argmax(-1) != other.argmax(-1)).sum()
            nll = -other[:-1].gather(1, targets).double().sum()
            totals[form] += torch.tensor([nll, divergence, changes], dtype=torch.float64)
            print(f"{form}: {time.time() - start:.1f} s", file=sys.stderr)

    perplexity = torch.tensor(reference_nll / predicted).exp().item()
    print(f"{rows} tokens in contexts of {arguments.window}; all in f32: perplexity {perplexity:.4f}\n")
    print("| matrix inputs | perplexity | change | mean KL to f32 | next token changes |")
    print("| --- | --- | --- | --- | --- |")
    for form, (nll, divergence, changes) in totals.items():
        value = (nll / predicted).exp().item()
        print(
            f"| {form} | {value:.4f} | {100 * (value / perplexity - 1):+.3f} % "
            f"| {divergence / rows:.6f} | {100 * changes / rows:.2f} % |"
        )


if __name__ == "__main__":
    main()
