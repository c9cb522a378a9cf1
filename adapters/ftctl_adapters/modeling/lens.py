"""Logit lens: decode each block's hidden states by the model's own last norm and head.

nostalgebraist, interpreting GPT: the logit lens, 2020.
"""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ftctl_adapters.modeling.decoder_blocks import core_of, layers_of


@frozen
class Layer:
    """After one block, by token of the answer: the token it would choose and how probable that is.

    ``divergence`` is the mean Kullback-Leibler divergence of what it would say from what the model says, in nats.
    """

    chosen: tuple[int, ...]
    probability: tuple[float, ...]
    divergence: float


@frozen
class Depths:
    """``settled`` is the share of blocks, by token, after which the choice is the model's own and stays it."""

    layers: tuple[Layer, ...]
    settled: tuple[float, ...]


class Lens:
    """Logit lens of one model.

    Raises:
        ValueError: its blocks, last norm or head are not where this can find them.
    """

    def __init__(self, model: Any) -> None:
        core = core_of(model)
        self._model, self._blocks = model, layers_of(model)
        if not self._blocks:
            raise ValueError(f"{type(core).__name__} has no blocks that this knows")
        self._norm, self._head = _norm_after(core, self._blocks[0]), core.get_output_embeddings()

    def look(self, question: Sequence[int], answer: Sequence[int]) -> Depths:
        """Decode every block at each position of the answer; both are token ids, neither is empty."""
        import torch

        # counted from the end, for virtual tokens may stand before the question
        places = slice(-len(answer) - 1, -1)
        states: list[Any] = []

        def keep(_: Any, __: Any, out: Any) -> None:
            states.append((out[0] if isinstance(out, tuple) else out)[0, places])

        hooks = [block.register_forward_hook(keep) for block in self._blocks]
        try:
            with torch.no_grad():
                ids = torch.tensor([[*question, *answer]])
                said = self._model(input_ids=ids, use_cache=False).logits[0, places].float().log_softmax(-1)
                layers = tuple(self._layer(state, said) for state in states)
        finally:
            for hook in hooks:
                hook.remove()
        final = said.argmax(-1).tolist()
        return Depths(layers, tuple(_settled(layers, place, token) for place, token in enumerate(final)))

    def _layer(self, state: Any, said: Any) -> Layer:
        found = self._head(self._norm(state)).float().log_softmax(-1)
        best = found.max(-1)
        divergence = (said.exp() * (said - found)).sum(-1).mean()
        return Layer(tuple(best.indices.tolist()), tuple(best.values.exp().tolist()), float(divergence))


def _settled(layers: Sequence[Layer], place: int, token: int) -> float:
    depth = len(layers)
    while depth and layers[depth - 1].chosen[place] == token:
        depth -= 1
    return min(depth + 1, len(layers)) / len(layers)


def _norm_after(core: Any, block: Any) -> Any:
    """Return the norm beside the list of blocks, which every decoder has before its head."""
    beside = [
        module for module in core.modules() if any(block in list(child.children()) for child in module.children())
    ]
    norms = [child for module in beside for child in module.children() if "norm" in type(child).__name__.lower()]
    if not norms:
        raise ValueError(f"{type(core).__name__} has no last norm that this knows")
    return norms[-1]
