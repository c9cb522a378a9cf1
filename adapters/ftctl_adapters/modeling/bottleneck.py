"""Bottleneck adapters: attached to a model, saved, and loaded again.

After a part of a layer, Y becomes Y + up(gelu(down(Y))), with down (size × hidden) and up (hidden × size) in float32.
Up begins at zero, so that the model begins as it was.
Houlsby et al., Parameter-Efficient Transfer Learning for NLP, 2019.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.domain.codec import from_plain, to_plain
from ftctl.errors import ConfigInvalid, ModelMismatch
from ftctl_adapters.modeling.layer_names import ATTENTION, MLP, layer_children, part_of
from ftctl_adapters.modeling.save import refuse_not_finite

WEIGHTS, CONFIG = "bottleneck.safetensors", "bottleneck_config.json"
PARTS = {"houlsby": (ATTENTION, MLP), "pfeiffer": (MLP,)}


@frozen
class BottleneckConfig:
    """``size`` of the networks, and after which parts of a layer they stand."""

    size: int
    placement: str


def places(tensors: Iterable[str], placement: str) -> list[tuple[str, str]]:
    """Return the parts of layers after which networks stand: paths of layers, and names in them.

    Raises:
        ConfigInvalid: a layer has no attention or no MLP by a known name.
    """
    found = []
    for layer, children in layer_children(tensors).items():
        for names in PARTS[placement]:
            part = part_of(children, names)
            if part is None:
                text = f"tuner.placement: {layer} has no {'MLP' if names is MLP else 'attention'} to stand after"
                raise ConfigInvalid(f"{text}, but {', '.join(sorted(children))}", next_step="take lora")
            found.append((layer, part))
    return found


def attach(model: Any, config: BottleneckConfig) -> Any:
    """The same model with networks after the parts; only they ask for a gradient."""
    from torch import nn

    hidden = model.config.hidden_size
    for path, part in places([name for name, _ in model.named_parameters()], config.placement):
        layer = model.get_submodule(path)
        down, up = nn.Linear(hidden, config.size), nn.Linear(config.size, hidden)
        nn.init.zeros_(up.weight)
        nn.init.zeros_(up.bias)
        network = nn.Sequential(down, nn.GELU(), up)
        layer.add_module(f"adapter_{part}", network)
        getattr(layer, part).register_forward_hook(_through(network))
    model.bottleneck_config = config
    return model


def _through(network: Any) -> Any:
    def hook(_module: Any, _given: Any, made: Any) -> Any:
        first = made[0] if isinstance(made, tuple) else made
        changed = first + network(first.to(network[0].weight.dtype)).to(first.dtype)
        return (changed, *made[1:]) if isinstance(made, tuple) else changed

    return hook


def save_bottleneck(model: Any, out: Path) -> None:
    """Write the networks and their config.

    Raises:
        ModelUnsafe: a weight is not finite.
    """
    from safetensors.torch import save_file

    trained = {name: p.detach().contiguous() for name, p in model.named_parameters() if p.requires_grad}
    refuse_not_finite(trained.items())
    save_file(trained, out / WEIGHTS)
    (out / CONFIG).write_text(json.dumps(to_plain(model.bottleneck_config), indent=2), encoding="utf-8")


def load_bottleneck(base: Any, folder: str) -> Any:
    """The base with the networks of a folder.

    Raises:
        ModelMismatch: they were made for a base of another shape.
    """
    from safetensors.torch import load_file

    config = from_plain(json.loads((Path(folder) / CONFIG).read_text(encoding="utf-8")), BottleneckConfig)
    model = attach(base.requires_grad_(False), config)
    stored = load_file(Path(folder) / WEIGHTS)
    wanted = {name: p.shape for name, p in model.named_parameters() if p.requires_grad}
    if wanted != {name: tensor.shape for name, tensor in stored.items()}:
        raise ModelMismatch(f"the adapter in {folder} does not fit its base model")
    model.load_state_dict(stored, strict=False)
    return model
