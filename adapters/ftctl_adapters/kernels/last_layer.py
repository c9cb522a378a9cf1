"""Compute the last layer only at the positions that the loss needs.

Nothing looks at what the last layer makes of a position but that position's own logits, so where only the answers are
trained, the questions can leave: after the keys and values, where attention takes tokens without padding and most of
them are not trained; after the last attention elsewhere. Values and gradients stay what they were.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor

from ftctl_adapters.kernels.attention import LONGEST
from ftctl_adapters.kernels.row_gather import TakeRows
from ftctl_adapters.kernels.self_attention import takes_layouts
from ftctl_adapters.kernels.unpadded_layout import Layout, lay_out_rows

LAYERS = {"LlamaDecoderLayer", "MistralDecoderLayer", "Qwen2DecoderLayer", "Qwen3DecoderLayer"}
"""Norm, attention, norm, MLP, two residual sums; and the decoder around them hands on keywords it does not know."""

ASKED, LAYOUT = "asked_positions", "layout"
"""The keywords by which positions reach the last layer, and a layout reaches all of them."""


def install_last(decoder: Any) -> int:
    """Patch last layers of known architectures to skip positions; return how many were patched."""
    last = _last(decoder)
    if type(last).__name__ not in LAYERS:
        return 0
    last.forward = MethodType(_forward, last)
    return 1


def states_at(decoder: Any, asked: Tensor, **inputs: Any) -> Tensor:
    """Return the last hidden states (rounded, hidden) at these places of the flattened batch.

    What stands below the first ``asked`` rows is of no meaning: their number is `rounded`.

    Args:
        decoder: the model without its head.
        asked: places, (asked,), int64, each above the one before, in a batch of (rows, length) seen as one row.
        inputs: what the decoder is called with.
    """
    known = getattr(getattr(_last(decoder), "forward", None), "__func__", None) is _forward
    if known and takes_layouts(decoder) and inputs.keys() <= {"input_ids", "position_ids"} and len(asked):
        inputs, asked = _without_padding(asked, **inputs)
    if known:
        inputs[ASKED] = asked
    hidden: Tensor = decoder(use_cache=False, **inputs).last_hidden_state.flatten(0, 1)
    return hidden if known else TakeRows.apply(hidden, asked)


def _without_padding(asked: Tensor, input_ids: Tensor, position_ids: Tensor | None = None) -> tuple[Any, Tensor]:
    layout, ids, positions = lay_out_rows(input_ids, position_ids, asked)
    # a mask of four dimensions is handed on as it is; attention has the layout instead
    nothing = torch.empty(1, 1, 0, 0)
    given = {"input_ids": ids, "position_ids": positions, "attention_mask": nothing, LAYOUT: layout}
    return given, layout.asked


def _last(decoder: Any) -> Any:
    layers = getattr(decoder, "layers", None)
    return layers[-1] if layers else None


def _forward(self: Any, hidden_states: Tensor, *, asked_positions: Tensor | None = None, **inputs: Any) -> Tensor:
    if asked_positions is None:
        ordinary: Tensor = type(self).forward(self, hidden_states, **inputs)
        return ordinary
    layout: Layout | None = inputs.get(LAYOUT)
    early = layout is not None and layout.longest <= LONGEST and 2 * len(asked_positions) <= layout.tokens
    more = {"only_asked": True} if early else {}
    mixed, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **inputs, **more)
    if early:
        chosen = TakeRows.apply(hidden_states.flatten(0, 1), asked_positions)[None] + mixed
    else:
        chosen = TakeRows.apply((hidden_states + mixed).flatten(0, 1), asked_positions)[None]
    return chosen + self.mlp(self.post_attention_layernorm(chosen))
