"""Check a merge by comparing logits before and after."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ftctl.domain.golden import TIE_NATS
from ftctl.errors import GateRefused

PROMPTS = 32
PLACES = 8
"""At the end of each prompt, where the answer is: elsewhere many tokens are as good as the first."""

AGREEMENT = 0.99
ROUNDINGS = 2


@frozen
class MergeCheck:
    """``places`` are compared; ``max_difference`` is of logits; ``top1_agreement`` counts ties as agreement."""

    prompts: int
    places: int
    max_difference: float
    top1_agreement: float

    def refuse(self, what: str) -> None:
        """Raise `GateRefused` if the merged model chooses other tokens."""
        if self.top1_agreement < AGREEMENT:
            text = (
                f"{what}: merged, it chooses the same token at {self.top1_agreement:.1%} of {self.places} places only"
            )
            step = "serve the adapter beside its base, or train it again on a base that is stored in float32"
            shown = (f"at least {AGREEMENT:.0%} is asked for; logits differ by {self.max_difference:.3g} at most",)
            raise GateRefused(text, next_step=step, details=shown)


def logits_at_ends(model: Any, rows: Sequence[Sequence[int]]) -> Any:
    """Return logits of shape (places, vocabulary), float32, at the last places of every row."""
    import torch

    found = []
    with torch.inference_mode():
        for row in rows:
            logits = model(input_ids=torch.tensor([list(row)])).logits[0]
            found.append(logits[-PLACES - 1 : -1 if len(row) > 1 else None].float().clone())
    return torch.cat(found)


def compared(before: Any, after: Any, prompts: int, dtype: Any) -> MergeCheck:
    """Compare logits of the merged model with those of the tuned one.

    Args:
        before: logits of base and adapter, (places, vocabulary).
        after: those of the merged model.
        prompts: how many rows they come from.
        dtype: what merged weights are stored in; its rounding, and 0.05 nats, make ties.
    """
    import torch

    tie = max(TIE_NATS, ROUNDINGS * torch.finfo(dtype).eps * float(before.abs().max()))
    best = before.max(dim=1).values
    chosen = before.gather(1, after.argmax(dim=1, keepdim=True))[:, 0]
    agreement = float((best - chosen <= tie).float().mean())
    return MergeCheck(prompts, len(before), float((before - after).abs().max()), agreement)
