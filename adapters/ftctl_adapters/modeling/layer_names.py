"""Names of layers, and of the attention and MLP in them, under the names that architectures have for them."""

import re
from collections.abc import Iterable

LAYER = re.compile(r"(?:^|.*?\.)(?:layers|layer|h|blocks|block)\.(\d+)(?=\.)")
"""Path of a layer at the beginning of a tensor's name, and its number."""

ATTENTION = (
    *("self_attn", "attn", "attention", "self_attention"),
    *("linear_attn", "mamba", "mixer", "conv", "temporal_block"),
)
MLP = ("mlp", "feed_forward", "ffn", "block_sparse_moe", "mlp_block", "fc2")
"""Names of these parts, those that are preferred first; attention includes what stands in its place."""


def layer_children(tensors: Iterable[str]) -> dict[str, set[str]]:
    """Return the names of the modules in each layer, by the layer's path, such as ``model.layers.0``."""
    found: dict[str, set[str]] = {}
    for name in tensors:
        layer = LAYER.match(name)
        if layer:
            found.setdefault(layer[0], set()).add(name[layer.end() + 1 :].partition(".")[0])
    return found


def part_of(children: set[str], names: tuple[str, ...]) -> str | None:
    """Return the first of the names that is among a layer's modules."""
    return next((name for name in names if name in children), None)
