"""Self-attention of Llama-like models over tokens without padding."""

from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor

from ftctl_adapters.kernels.attention import LONGEST
from ftctl_adapters.kernels.block_attention import BlockAttention
from ftctl_adapters.kernels.precision import is_half
from ftctl_adapters.kernels.rotary import Rotary, turned_in_steps
from ftctl_adapters.kernels.row_gather import TakeRows
from ftctl_adapters.kernels.unpadded_layout import Gather, Layout, Spread

KNOWN = {"LlamaAttention", "MistralAttention", "Qwen2Attention", "Qwen3Attention"}
"""Projections, norms of queries and keys where there are any, rotary embedding, causal attention, projection."""


BY_LENGTH = ("dynamic", "longrope")
"""Embeddings that change for all tokens of a batch with its longest sequence, which padding makes longer."""


def install_attention(decoder: Any) -> int:
    """Patch every layer to take tokens without padding, if all can; return how many."""
    blocks: list[Any] = [getattr(layer, "self_attn", None) for layer in getattr(decoder, "layers", None) or []]
    scaling = getattr(getattr(decoder, "rotary_emb", None), "rope_type", "default")
    if not blocks or not all(map(_known, blocks)) or scaling in BY_LENGTH:
        return 0
    for block in blocks:
        block.forward = MethodType(_forward, block)
    return len(blocks)


def takes_layouts(decoder: Any) -> bool:
    """Return True if `install_attention` was applied to the decoder."""
    blocks = [getattr(layer, "self_attn", None) for layer in getattr(decoder, "layers", None) or []]
    return bool(blocks) and getattr(getattr(blocks[-1], "forward", None), "__func__", None) is _forward


def _known(block: Any) -> bool:
    if type(block).__name__ not in KNOWN:
        return False
    # some blocks know their window, others ask the configuration for one that all layers have
    window = block.sliding_window if hasattr(block, "sliding_window") else getattr(block.config, "sliding_window", None)
    return bool(block.is_causal and not block.attention_dropout and window is None)


def _forward(
    self: Any,
    hidden_states: Tensor,
    position_embeddings: Any = None,
    attention_mask: Any = None,
    *,
    layout: Layout | None = None,
    only_asked: bool = False,
    **more: Any,
) -> Any:
    """Compute attention of states (1, tokens, hidden); with ``only_asked``, for the layout's wanted tokens alone.

    In 16 bits, and without gradients, every step rounds as the block's own does: scores are to be what they are where
    sequences stand side by side with padding, or several endings behind one beginning.
    """
    if layout is None:
        return type(self).forward(self, hidden_states, position_embeddings, attention_mask, **more)
    cos, sin = (one[0] for one in position_embeddings)
    as_own = is_half(hidden_states) and not torch.is_grad_enabled()
    turned = turned_in_steps if as_own else Rotary.apply
    before, after = (1.0, self.scaling) if as_own else (self.scaling, None)
    key = turned(_heads(self, "k", hidden_states), cos, sin, 1.0)
    value = _heads(self, "v", hidden_states)
    if only_asked:
        hidden_states = TakeRows.apply(hidden_states[0], layout.asked)[None]
        cos, sin = (TakeRows.apply(one, layout.asked) for one in (cos, sin))
    query = turned(_heads(self, "q", hidden_states), cos, sin, before)
    mixed = _mixed(query, key, value, layout, only_asked, after)
    return self.o_proj(mixed.flatten(1)[None]), None


def _heads(self: Any, name: str, states: Tensor) -> Tensor:
    """Queries, keys or values, (tokens, heads, width)."""
    found = getattr(self, f"{name}_proj")(states)[0].unflatten(-1, (-1, self.head_dim))
    norm = getattr(self, f"{name}_norm", None)
    return found if norm is None else norm(found)


def _mixed(query: Tensor, key: Tensor, value: Tensor, layout: Layout, only_asked: bool, scale: float | None) -> Tensor:
    """Attention output per query, (queries, heads, head_dim); ``scale`` is applied if the queries are unscaled."""
    wanted = layout.asked_groups if only_asked else layout.groups
    seen = layout.seen if only_asked else [None] * len(wanted)
    spread = Spread.apply(query, wanted), Spread.apply(key, layout.groups), Spread.apply(value, layout.groups)
    attended = _attended if scale is None else partial(_attended_by_torch, scale)
    mixed: Tensor = Gather.apply(wanted, len(query), *map(attended, *spread, seen))
    return mixed


def _attended(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
    if seen is None and key.shape[2] > LONGEST:
        return _attended_by_torch(1.0, query, key, value, None)
    found: Tensor = BlockAttention.apply(query, key, value, seen)
    return found


def _attended_by_torch(scale: float, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
    mask = None if seen is None else torch.arange(key.shape[2]) <= seen[:, None, :, None]
    attention = torch.nn.functional.scaled_dot_product_attention
    shared = query.shape[1] != key.shape[1]
    return attention(query, key, value, mask, is_causal=mask is None, scale=scale, enable_gqa=shared)
