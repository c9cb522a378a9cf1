"""Linear layers to compress, and norms of their inputs."""

from collections.abc import Sequence
from typing import Any

from ftctl.ports.compressor import CompressorError

HEAD = "lm_head"
"""Stays as it is: it is often the embedding too."""


def linear_layers(model: Any) -> dict[str, Any]:
    """Return the linear layers by name, except the head.

    Raises:
        CompressorError: there are none.
    """
    from torch.nn import Linear

    found = {name: part for name, part in model.named_modules() if isinstance(part, Linear) and HEAD not in name}
    if not found:
        raise CompressorError("the model's layers are no torch.nn.Linear, which is all that this compressor works on")
    return found


MAMBA = ("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h")
FUSED = ("out_proj", "conv1d")
"""Layers of these architectures that their kernels take as bare weights, past any adapter."""


def unusable_layers(model: Any) -> list[str] | None:
    """Return the names of linear layers that no adapter can wrap; None if there are none.

    These are layers of a class of their own with another forward pass, such as routers that return a tuple, and those
    that state-space kernels read as weights.
    """
    from torch import nn

    mamba = getattr(model.config, "model_type", None) in MAMBA
    found = [
        name
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear)
        and (type(part).forward is not nn.Linear.forward or (mamba and name.rpartition(".")[2] in FUSED))
        and not type(part).__module__.startswith("bitsandbytes")
    ]
    return found or None


def input_norms(model: Any, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return the root mean square of every input of every linear layer, over all tokens.

    Args:
        model: a causal language model in eval mode.
        rows: token ids.

    Returns:
        By layer name, float32 of shape (in,).
    """
    import torch

    sums: dict[str, Any] = {}
    handles = []

    def watch(name: str) -> Any:
        def seen(_: Any, inputs: tuple[Any, ...]) -> None:
            found = inputs[0].detach().float().flatten(0, -2).square().sum(dim=0)
            sums[name] = sums[name] + found if name in sums else found

        return seen

    for name, layer in linear_layers(model).items():
        handles.append(layer.register_forward_pre_hook(watch(name)))
    try:
        with torch.inference_mode():
            for row in rows:
                model(input_ids=torch.tensor([list(row)]), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    tokens = sum(map(len, rows))
    return {name: (total / tokens).sqrt().clone() for name, total in sums.items()}
