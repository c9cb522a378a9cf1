"""Attention weights of an answer's tokens, reduced while they are computed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from ftctl_adapters.modeling.decoder_blocks import core_of, layers_of

PLAIN = "eager"
"""The only implementation that makes the weights as such."""


@frozen
class AnswerAttention:
    """Means over blocks, heads and tokens of an answer.

    ``scores`` by token of the question are shares of attention; ``sink`` is the share of the first place, ``entropy``
    in bits; ``row_error`` is how far the weights of any place are from 1 in sum.
    """

    scores: tuple[float, ...]
    sink: float
    entropy: float
    row_error: float


def look(model: Any, question: Sequence[int], answer: Sequence[int]) -> AnswerAttention:
    """Return the attention of each answer token's position; ``question`` and ``answer`` are token ids.

    Raises:
        ValueError: its attention is not where this can find it, or keeps its weights to itself.
    """
    import torch

    asked, kept = len(question), len(answer)
    rows: list[Any] = []

    def keep(_: Any, __: Any, out: Any) -> Any:
        if not isinstance(out, tuple) or len(out) < 2 or out[1] is None:
            raise ValueError("its attention keeps its weights to itself")
        rows.append(_reduced(out[1][0, :, -kept - 1 : -1].float(), asked + kept))
        # nobody else needs them: of a long question they are larger than the model
        return (out[0], None, *out[2:])

    with _plain(model), torch.no_grad():
        hooks = [module.register_forward_hook(keep) for module in _attentions(model)]
        try:
            model(input_ids=torch.tensor([[*question, *answer]]), use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
    scores = torch.stack([found[0] for found in rows]).mean(0)[:asked]
    sink, entropy, error = (torch.tensor([found[place] for found in rows]) for place in (1, 2, 3))
    return AnswerAttention(tuple(scores.tolist()), float(sink.mean()), float(entropy.mean()), float(error.max()))


def _reduced(weights: Any, tokens: int) -> tuple[Any, float, float, float]:
    """Reduce one block's ``weights`` (heads, positions, keys); virtual tokens may stand before the question's."""
    entropy = -(weights * weights.clamp_min(1e-30).log2()).sum(-1)
    error = (weights.sum(-1) - 1).abs().max()
    return weights.mean((0, 1))[-tokens:], float(weights[..., 0].mean()), float(entropy.mean()), float(error)


def _attentions(model: Any) -> list[Any]:
    found = [next((child for name, child in block.named_children() if _attends(name)), None)
             for block in layers_of(model)]  # fmt: skip
    if not found or None in found:
        raise ValueError(f"{type(core_of(model)).__name__} has no attention that this knows")
    return found


def _attends(name: str) -> bool:
    """Return True if a module is attention by its name; norms and dropout beside it have that name too."""
    return ("attn" in name or "attention" in name) and not any(other in name for other in ("norm", "ln", "drop"))


@contextmanager
def _plain(model: Any) -> Iterator[None]:
    core = core_of(model)
    before = core.config._attn_implementation
    core.set_attn_implementation(PLAIN)
    try:
        yield
    finally:
        core.set_attn_implementation(before)
