#!/usr/bin/env python3
"""Small random models of every family, and Hugging Face's float32 logits for them: tests/golden/families/*.json.

Each file holds the config.json that save_pretrained writes, the tensors' names and shapes, tokens, and logits at
some positions; at fewer of them also those of the model in bfloat16 and in float16. The weights are not stored: they are random_values() of the tensor's name, which
tests/support/family_model.cc repeats, so a machine without torch can build the same model.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
VOCAB, TOKENS, POSITIONS = 97, 80, 12
HALF_STEP = 3  # of so many positions one, for the half-precision dtypes

COMMON = {"vocab_size": VOCAB, "max_position_embeddings": 256, "attn_implementation": "eager"}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
PHI3 = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "original_max_position_embeddings": 64,
    "partial_rotary_factor": 0.75,
    "short_factor": [1.0 + 0.0625 * i for i in range(6)],
    "long_factor": [1.0 + 0.75 * i for i in range(6)],
}
GEMMA3_ROPE = {
    "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
}

# Head counts and sizes that are no powers of two, GQA, windows shorter than the text.
MODELS = {
    "llama_llama3": ("Llama", 4, dict(hidden_size=60, intermediate_size=100, num_attention_heads=6,
        num_key_value_heads=2, head_dim=12, rope_parameters=LLAMA3, attention_bias=True)),
    "llama_linear": ("Llama", 2, dict(hidden_size=48, intermediate_size=72, num_attention_heads=3,
        num_key_value_heads=1, tie_word_embeddings=True,
        rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5})),
    "mistral": ("Mistral", 3, dict(hidden_size=56, intermediate_size=90, num_attention_heads=4,
        num_key_value_heads=2, head_dim=18, sliding_window=13)),
    "qwen2_yarn": ("Qwen2", 3, dict(hidden_size=56, intermediate_size=88, num_attention_heads=7,
        num_key_value_heads=1, rope_parameters=YARN, tie_word_embeddings=True)),
    "qwen2_window": ("Qwen2", 4, dict(hidden_size=48, intermediate_size=72, num_attention_heads=4,
        num_key_value_heads=2, use_sliding_window=True, sliding_window=17, max_window_layers=2)),
    "qwen3": ("Qwen3", 3, dict(hidden_size=40, intermediate_size=76, num_attention_heads=6,
        num_key_value_heads=3, head_dim=20)),
    "gemma2": ("Gemma2", 4, dict(hidden_size=52, intermediate_size=84, num_attention_heads=4,
        num_key_value_heads=2, head_dim=14, sliding_window=19, query_pre_attn_scalar=24,
        attn_logit_softcapping=3.0, final_logit_softcapping=5.0)),
    "gemma3": ("Gemma3Text", 7, dict(hidden_size=48, intermediate_size=68, num_attention_heads=4,
        num_key_value_heads=1, head_dim=22, sliding_window=11, query_pre_attn_scalar=18,
        rope_parameters=GEMMA3_ROPE)),
    "phi3_long": ("Phi3", 3, dict(hidden_size=64, intermediate_size=84, num_attention_heads=4,
        num_key_value_heads=2, rope_parameters=PHI3, original_max_position_embeddings=64,
        pad_token_id=0)),
    "phi3_short": ("Phi3", 2, dict(hidden_size=64, intermediate_size=84, num_attention_heads=4,
        num_key_value_heads=4, rope_parameters=PHI3, original_max_position_embeddings=64,
        sliding_window=21, pad_token_id=0)),
}
# Tokens of one request where it is not TOKENS; also the context that it is given.
LENGTHS = {"phi3_short": 60}


def random_values(name: str, count: int, scale: float, offset: float) -> np.ndarray:
    """offset + scale · u in float32, u uniform in [-1, 1): the upper bits of SplitMix64 seeded by FNV-1a of name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return u * np.float32(scale) + np.float32(offset)


def spread(name: str, shape: tuple[int, ...], family: str) -> tuple[float, float]:
    """Scale and offset: activations of ordinary size, attention that prefers some keys, lively logits."""
    if name.endswith("norm.weight"):
        return 0.25, 0.0 if family.startswith("Gemma") else 1.0
    if name.endswith(".bias"):
        return 0.25, 0.0
    gain = 3.0 if "q_proj" in name or "qkv" in name else 2.5 if "embed" in name or "lm_head" in name else 1.0
    if "embed" in name and family.startswith("Gemma"):
        gain = 2.0
    return float(np.float32(gain * math.sqrt(3.0 / shape[1]))), 0.0


def logits_in(model, dtype: torch.dtype, tokens: list[int]) -> np.ndarray:
    """Parameters are cast as from_pretrained does: rope's inverse frequencies stay in float32."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    if model.config.model_type != "gemma2":  # whose soft-cap the fused attention does not know
        model.set_attn_implementation("sdpa")  # scores stay in float32
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].float().numpy()


def make(name: str) -> dict:
    family, layers, options = MODELS[name]
    config = getattr(transformers, f"{family}Config")(
        num_hidden_layers=layers, bos_token_id=1, eos_token_id=2, **COMMON, **options
    )
    model_class = getattr(transformers, family.removesuffix("Text") + "ForCausalLM")
    model = model_class(config).float().eval()
    tensors, state = [], {}
    for tensor, value in model.state_dict().items():
        if tensor == "lm_head.weight" and config.tie_word_embeddings:
            continue
        shape = tuple(value.shape)
        scale, offset = spread(tensor, shape, family)
        tensors.append({"name": tensor, "shape": shape, "scale": scale, "offset": offset})
        state[tensor] = torch.from_numpy(random_values(tensor, value.numel(), scale, offset).reshape(shape))
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise ValueError(f"{name}: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        saved = json.loads(Path(folder, "config.json").read_text())

    count = LENGTHS.get(name, TOKENS)
    tokens = [(7 + 31 * i + i * i * i) % VOCAB for i in range(count)]
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0].numpy()
    positions = np.linspace(0, count - 1, POSITIONS).round().astype(int).tolist()
    rows = [{"position": p, "logits": [float(f"{x:.7g}") for x in logits[p]]} for p in positions]
    f32 = {parameter: value.data.clone() for parameter, value in model.named_parameters()}
    for key, dtype in (("bf16", torch.bfloat16), ("f16", torch.float16)):
        for parameter, value in model.named_parameters():
            value.data = f32[parameter].clone()
        half = logits_in(model, dtype, tokens)
        for row in rows[HALF_STEP - 1 :: HALF_STEP]:
            row[key] = [float(f"{x:.5g}") for x in half[row["position"]]]
    spread_of_logits = float(np.abs(logits).max())
    print(f"{name}: {sum(v.numel() for v in state.values())} weights, logits up to {spread_of_logits:.2f}")
    context = count if name in LENGTHS else 256
    return {"config": saved, "context": context, "tensors": tensors, "tokens": tokens, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "tests" / "golden" / "families")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        golden = make(name)
        parts = []
        for key, value in golden.items():
            if key in ("tensors", "rows"):
                inner = ",\n  ".join(json.dumps(v, separators=(",", ":")) for v in value)
                parts.append(f'"{key}": [\n  {inner}\n]')
            else:
                parts.append(f'"{key}": {json.dumps(value, separators=(",", ":"))}')
        (arguments.output / f"{name}.json").write_text("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()
