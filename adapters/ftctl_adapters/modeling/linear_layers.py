"""Linear layers to compress, and norms of their inputs."""

from collections.abc import Iterable, Sequence
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
"""Layers whose weights the kernels of these architectures read on a GPU; PEFT refuses to adapt them."""


def unusable_layers(model: Any) -> list[str] | None:
    """Return the names of linear layers that an adapter must not wrap; None if there are none.

    These are layers whose weight is read past their forward pass, so that an update would be trained in vain or take
    effect once merged, and layers of which more comes than the product, such as routers. One short pass shows both.
    """
    from torch import nn

    found = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear) and HEAD not in name}
    usable = _products(model, found.values())
    mamba = getattr(model.config, "model_type", None) in MAMBA
    unusable = [
        name
        for name, part in found.items()
        if (id(part) not in usable and ".experts." not in name) or (mamba and name.rpartition(".")[2] in FUSED)
    ]
    return unusable or None


def _products(model: Any, layers: Iterable[Any]) -> set[int]:
    """Return the identities of layers that are called in a pass, and give the product with their weight."""
    import torch

    seen: set[int] = set()

    def look(layer: Any, inputs: tuple[Any, ...], output: Any) -> None:
        packed = layer.weight.shape != (layer.out_features, layer.in_features)
        if torch.is_tensor(output) and (packed or _is_product(layer, inputs[0], output)):
            seen.add(id(layer))

    handles = [layer.register_forward_hook(look) for layer in layers]
    try:
        with torch.no_grad():
            ids = torch.arange(1, 5, device=model.get_input_embeddings().weight.device)[None]
            model(input_ids=ids % model.get_input_embeddings().weight.shape[0], use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _is_product(layer: Any, x: Any, y: Any) -> bool:
    import torch

    expected = torch.nn.functional.linear(x, layer.weight, layer.bias)
    return bool(y.shape == expected.shape and (y - expected).abs().max() <= 1e-2 * expected.abs().max())


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
