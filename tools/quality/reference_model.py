"""Hugging Face's model of a family with the dequantized weights of a GGUF file: the judge of quality, in float32,
and in bfloat16 a companion of our bf16.
"""

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from gguf import GGUFReader
from gguf.quants import dequantize

BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# Where a family means another thing by a name.
OTHER_NAMES = {
    "phi3": {"ffn_up": "mlp.gate_up_proj"},
    "gemma": {
        "ffn_norm": "pre_feedforward_layernorm",
        "post_attention_norm": "post_attention_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    },
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
CLASSES = {
    "llama": "Llama",
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "gemma2": "Gemma2",
    "gemma3": "Gemma3Text",
    "phi3": "Phi3",
}


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """GGUF interleaves the two rope halves of each head of llama's Q and K; HF keeps them one after the other."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def hf_name(name: str, family: str) -> str:
    if not name.startswith("blk."):
        part, suffix = name.split(".")
        return f"{TOP_NAMES[part]}.{suffix}"
    _, layer, part, suffix = name.split(".")
    other = OTHER_NAMES.get(family.rstrip("23") if family.startswith("gemma") else family, {})
    return f"model.layers.{layer}.{other.get(part) or BLOCK_NAMES[part]}.{suffix}"


def config_of(reader: GGUFReader, tensors: dict, family: str, attention: str) -> transformers.PretrainedConfig:
    def value(key, otherwise=None):
        field = reader.fields.get(f"{family}.{key}")
        if field is None and otherwise is None:
            raise ValueError(f"the file has no {family}.{key}")
        return otherwise if field is None else field.contents()

    heads, hidden = value("attention.head_count"), value("embedding_length")
    head_dim = value("attention.key_length", hidden // heads)
    rope = {"rope_type": "default", "rope_theta": value("rope.freq_base", 10000.0)}
    options = dict(
        vocab_size=tensors["token_embd.weight"].data.shape[0],
        hidden_size=hidden,
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=value("attention.head_count_kv"),
        head_dim=head_dim,
        max_position_embeddings=value("context_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters=rope,
        tie_word_embeddings="output.weight" not in tensors,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        attn_implementation=attention,
    )
    if family.startswith("gemma"):
        options |= dict(query_pre_attn_scalar=head_dim, sliding_window=value("attention.sliding_window"))
    if family == "gemma2":
        options |= dict(
            attn_logit_softcapping=value("attn_logit_softcapping"),
            final_logit_softcapping=value("final_logit_softcapping"),
            attn_implementation="eager",  # the fused one does not know the soft cap
        )
    if family == "gemma3":
        local = {"rope_type": "default", "rope_theta": value("rope.freq_base_swa", 10000.0)}
        options["rope_parameters"] = {"full_attention": rope, "sliding_attention": local}
    return getattr(transformers, f"{CLASSES[family]}Config")(**options)


def load_reference(path, attention: str = "eager") -> torch.nn.Module:
    """Every weight becomes float32 by the gguf package's dequantization. Rope scalings are not read."""
    reader = GGUFReader(path)
    family = reader.fields["general.architecture"].contents()
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    config = config_of(reader, tensors, family, attention)
    state = {}
    for name, tensor in tensors.items():
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if family == "llama" and ".attn_q." in name:
            weight = unpermute(weight, config.num_attention_heads)
        elif family == "llama" and ".attn_k." in name:
            weight = unpermute(weight, config.num_key_value_heads)
        elif family.startswith("gemma") and name.endswith("norm.weight"):
            weight = weight - 1  # what HF adds when it runs
        state[hf_name(name, family)] = torch.from_numpy(np.ascontiguousarray(weight))
    model_class = getattr(transformers, CLASSES[family].removesuffix("Text") + "ForCausalLM")
    model = model_class(config).to(torch.float32).eval()
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


def cast_to_bf16(model: torch.nn.Module) -> None:
    """Casts parameters as from_pretrained does: rope's inverse frequencies stay in float32.

    Without AVX-512 torch multiplies bfloat16 by scalar code. So products and attention are taken in float32 of
    the bfloat16 inputs, and rounded to bfloat16: what the fast code computes, but for the order of sums and the
    rounding of attention's weights.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    F.linear = in_f32(F.linear)
    F.scaled_dot_product_attention = in_f32(F.scaled_dot_product_attention)
