"""The operations of a decoder of transformers, seen by hooks on its modules."""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional

from . import protocol
from .hf_model import torch

Tensor = Any


def first_tensor(values: Any) -> Tensor:
    return values[0] if isinstance(values, tuple) else values


class Recorder:
    """While it is entered, keeps the results of the operations behind row `row`, whose prompt is in `columns`.

    A forward pass is a step. After the first, the newest token alone counts: without a KV cache, those before
    it run again.
    """

    def __init__(self, model: Any, row: int, columns: range) -> None:
        self.model, self.row, self.columns = model, row, columns
        self.decoder = model.get_decoder()
        self.ops: list[protocol.TracedOp] = []
        self.step = -1
        self.layer: Optional[int] = None  # whose attention runs
        self.undo: list[Callable[[], None]] = []

    def __enter__(self) -> Recorder:
        self.before(self.model, lambda hidden: None, count=True)
        for index, layer in enumerate(self.decoder.layers):
            self.watch_layer(index, layer)
        self.after(self.decoder.norm, "final_norm", None)
        self.undo.append(self.model.register_forward_hook(self.keep_logits).remove)
        self.watch_rope()
        return self

    def __exit__(self, *_: object) -> None:
        for undo in reversed(self.undo):
            undo()

    def keep(self, op: str, layer: Optional[int], values: Tensor) -> None:
        """`values`: [batch, columns, width]"""
        values = values[self.row]
        values = values[self.columns.start : self.columns.stop] if self.step == 0 else values[-1:]
        self.add(op, layer, values)

    def add(self, op: str, layer: Optional[int], values: Tensor) -> None:
        tokens, width = values.shape
        data = values.detach().to(device="cpu", dtype=torch.float32).contiguous().numpy().tobytes()
        self.ops.append(protocol.TracedOp(op, layer, self.step, tokens, width, data))

    def keep_logits(self, _module: Any, _inputs: Any, output: Any) -> None:
        self.add("logits", None, output.logits[self.row, -1:])

    def before(self, module: Any, use: Callable[[Tensor], None], count: bool = False) -> None:
        """Calls `use` with the input of the module, which is its first argument or hidden_states."""

        def hook(_module: Any, inputs: Any, named: dict[str, Any]) -> None:
            if count:
                self.step += 1
            else:
                use(inputs[0] if inputs else named["hidden_states"])

        self.undo.append(module.register_forward_pre_hook(hook, with_kwargs=True).remove)

    def before_as(self, module: Any, op: str, layer: Optional[int]) -> None:
        self.before(module, lambda values: self.keep(op, layer, values))

    def after(self, module: Any, op: str, layer: Optional[int]) -> None:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            self.keep(op, layer, first_tensor(output))

        self.undo.append(module.register_forward_hook(hook).remove)

    def after_split(self, module: Any, ops: list[str], layer: int, sizes: list[int]) -> None:
        """For a module that computes several operations side by side."""

        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            for op, part in zip(ops, torch.split(output, sizes, dim=-1)):
                self.keep(op, layer, part)

        self.undo.append(module.register_forward_hook(hook).remove)

    def watch_layer(self, index: int, layer: Any) -> None:
        if index == 0:
            self.before_as(layer, "embedding", None)
        self.after(layer.input_layernorm, "attention_norm", index)
        self.watch_attention(index, layer.self_attn)
        # Gemma has a norm of its own before the feed-forward; elsewhere it is the one after attention.
        ffn_norm = getattr(layer, "pre_feedforward_layernorm", None) or layer.post_attention_layernorm
        self.before_as(ffn_norm, "attention_residual", index)
        self.after(ffn_norm, "ffn_norm", index)
        self.watch_ffn(index, layer.mlp)
        self.after(layer, "ffn_residual", index)

    def watch_attention(self, index: int, attention: Any) -> None:
        def enter(_hidden: Tensor) -> None:
            self.layer = index

        self.before(attention, enter)
        if hasattr(attention, "qkv_proj"):
            config = attention.config
            head_dim = attention.head_dim
            heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
            sizes = [heads * head_dim, kv_heads * head_dim, kv_heads * head_dim]
            self.after_split(attention.qkv_proj, ["q", "k", "v"], index, sizes)
        else:
            for op in ("q", "k", "v"):
                self.after(getattr(attention, f"{op}_proj"), op, index)
        self.before_as(attention.o_proj, "attention", index)
        self.after(attention.o_proj, "attention_output", index)

    def watch_ffn(self, index: int, mlp: Any) -> None:
        down = getattr(mlp, "down_proj", None)
        if down is None:  # a mixture of experts has no such operations
            return
        if hasattr(mlp, "gate_up_proj"):
            half = mlp.gate_up_proj.out_features // 2
            self.after_split(mlp.gate_up_proj, ["gate", "up"], index, [half, half])
        else:
            self.after(mlp.gate_proj, "gate", index)
            self.after(mlp.up_proj, "up", index)
        self.before_as(down, "activation", index)
        self.after(down, "down", index)

    def watch_rope(self) -> None:
        """Rope is a function in the module of the attention class, and no module that could have a hook."""
        module = sys.modules[type(self.decoder.layers[0].self_attn).__module__]
        rope = getattr(module, "apply_rotary_pos_emb", None)
        if rope is None:
            return

        def watched(*arguments: Any, **named: Any) -> Any:
            result = rope(*arguments, **named)
            if isinstance(result, tuple) and all(part.dim() == 4 for part in result):
                for op, part in zip(("q_rope", "k_rope"), result):
                    self.keep(op, self.layer, part.transpose(1, 2).flatten(2))  # from [batch, heads, …]
            return result

        setattr(module, "apply_rotary_pos_emb", watched)
        self.undo.append(lambda: setattr(module, "apply_rotary_pos_emb", rope))
