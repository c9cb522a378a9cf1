"""Self-attention of Llama-like models over tokens without padding."""

from types import MethodType
from typing import Any

import torch
from torch import Tensor

from ftctl_adapters.kernels.attention import LONGEST
from ftctl_adapters.kernels.block_attention import BlockAttention
from ftctl_adapters.kernels.layout import Gather, Layout, Spread
from ftctl_adapters.kernels.rotary import Rotary
from ftctl_adapters.kernels.rows import TakeRows, rounded

KNOWN = {"LlamaAttention", "MistralAttention", "Qwen2Attention", "Qwen3Attention"}
"""Projections, norms of queries and keys where there are any, rotary embedding, causal attention, projection."""

Answer = tuple[Tensor, None]


def install_attention(decoder: Any) -> int:
    """Lets every layer take tokens without padding, where all of them can; how many layers that is."""
    layers = getattr(decoder, "layers", None) or []
    blocks = [getattr(layer, "self_attn", None) for layer in layers]
    if not blocks or not all(map(_known, blocks)):
        return 0
    for block in blocks:
        block.forward = MethodType(_forward, block)
    return len(blocks)


def takes_layouts(decoder: Any) -> bool:
    """Whether `install_attention` was done."""
    layers = getattr(decoder, "layers", None) or []
    block = getattr(layers[-1], "self_attn", None) if len(layers) else None
    return getattr(getattr(block, "forward", None), "__func__", None) is _forward


def _known(block: Any) -> bool:
    ordinary = type(block).__name__ in KNOWN and getattr(block, "is_causal", False) and not block.attention_dropout
    return bool(ordinary and getattr(block, "sliding_window", None) is None)


def _forward(
    self: Any,
    hidden_states: Tensor,
    position_embeddings: Any = None,
    attention_mask: Any = None,
    *,
    layout: Layout | None = None,
    asked: bool = False,
    **more: Any,
) -> Any:
    """Of states (1, tokens, hidden); with ``asked``, for the tokens that the layout asks for alone."""
    if layout is None:
        return type(self).forward(self, hidden_states, position_embeddings, attention_mask, **more)
    cos, sin = (one[0] for one in position_embeddings)
    key = Rotary.apply(_heads(self, "k", hidden_states), cos, sin, 1.0)
    value = _heads(self, "v", hidden_states)
    if asked:
        hidden_states = TakeRows.apply(hidden_states[0], layout.asked)[None]
        cos, sin = (TakeRows.apply(one, layout.asked) for one in (cos, sin))
    query = Rotary.apply(_heads(self, "q", hidden_states), cos, sin, self.scaling)
    mixed = _mixed(query, key, value, layout, asked)
    return self.o_proj(mixed.flatten(1)[None]), None


def _heads(self: Any, name: str, states: Tensor) -> Tensor:
    """Queries, keys or values, (tokens, heads, width)."""
    found = getattr(self, f"{name}_proj")(states)[0].unflatten(-1, (-1, self.head_dim))
    norm = getattr(self, f"{name}_norm", None)
    return found if norm is None else norm(found)


def _mixed(query: Tensor, key: Tensor, value: Tensor, layout: Layout, asked: bool) -> Tensor:
    whole = None
    for group in layout.groups:
        runs, length = tuple(layout.runs[number] for number in group), layout.longest(group)
        keys, values = (Spread.apply(one, runs, length) for one in (key, value))
        if asked:
            wanted = tuple(layout.asked_runs[number] for number in group)
            queries = Spread.apply(query, wanted, rounded(max(size for _, size in wanted)))
            seen = _seen(layout, runs, wanted, queries.shape[2])
        else:
            wanted, queries, seen = runs, Spread.apply(query, runs, length), None
        found = Gather.apply(_attended(queries, keys, values, seen), wanted, len(query))
        whole = found if whole is None else whole + found
    return whole


def _attended(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
    if seen is None and key.shape[2] > LONGEST:
        attention = torch.nn.functional.scaled_dot_product_attention
        return attention(query, key, value, is_causal=True, scale=1.0, enable_gqa=query.shape[1] != key.shape[1])
    found: Tensor = BlockAttention.apply(query, key, value, seen)
    return found


def _seen(layout: Layout, runs: Any, wanted: Any, asked: int) -> Tensor:
    """The place of every asked token in its sequence, (sequences, asked); rows that are none see the first key."""
    found = torch.zeros(len(runs), asked, dtype=torch.long)
    for place, ((start, _), (first, size)) in enumerate(zip(runs, wanted, strict=True)):
        found[place, :size] = layout.asked[first : first + size] - start
    return found
