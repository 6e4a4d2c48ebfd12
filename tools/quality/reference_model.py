"""Hugging Face's LlamaForCausalLM with the dequantized weights of a GGUF file: the judge of quality, in
float32, and in bfloat16 a companion of our bf16.
"""

import numpy as np
import torch
import torch.nn.functional as F
from gguf import GGUFReader
from gguf.quants import dequantize
from transformers import LlamaConfig, LlamaForCausalLM

BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF interleaves the two rope halves of each head of Q and K; HF keeps them one after the other."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def hf_name(name: str) -> str:
    if name.startswith("blk."):
        _, layer, part, suffix = name.split(".")
        return f"model.layers.{layer}.{BLOCK_NAMES[part]}.{suffix}"
    part, suffix = name.split(".")
    return f"{TOP_NAMES[part]}.{suffix}"


def load_reference(path, attention: str = "eager") -> LlamaForCausalLM:
    """Loads a llama-family GGUF; every weight becomes float32 by the gguf package's dequantization."""
    reader = GGUFReader(path)

    def value(key):
        return reader.fields["llama." + key].contents()

    heads, kv_heads = value("attention.head_count"), value("attention.head_count_kv")
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    config = LlamaConfig(
        vocab_size=tensors["token_embd.weight"].data.shape[0],
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=value("context_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("rope.freq_base")},
        tie_word_embeddings="output.weight" not in tensors,
        attn_implementation=attention,
    )
    state = {}
    for name, tensor in tensors.items():
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in name:
            weight = unpermute(weight, heads)
        elif ".attn_k." in name:
            weight = unpermute(weight, kv_heads)
        state[hf_name(name)] = torch.from_numpy(np.ascontiguousarray(weight))
    model = LlamaForCausalLM(config).to(torch.float32).eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise ValueError(f"{path}: weights do not fit: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    return model


def in_f32(operation):
    def run(*inputs, **options):
        widened = [None if tensor is None else tensor.float() for tensor in inputs]
        return operation(*widened, **options).to(inputs[0].dtype)

    return run


def cast_to_bf16(model: LlamaForCausalLM) -> None:
    """Casts parameters as from_pretrained does: rope's inverse frequencies stay in float32.

    Without AVX-512 torch multiplies bfloat16 by scalar code. So products and attention are taken in float32 of
    the bfloat16 inputs, and rounded to bfloat16: what the fast code computes, but for the order of sums and the
    rounding of attention's weights.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    F.linear = in_f32(F.linear)
    F.scaled_dot_product_attention = in_f32(F.scaled_dot_product_attention)
