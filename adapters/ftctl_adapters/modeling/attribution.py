"""Attribution of an answer to tokens of its question: integrated gradients, or leave-one-out.

Sundararajan, Taly and Yan, Axiomatic attribution for deep networks, 2017. The path is that of the embeddings, from a
baseline to what they are, by Gauss-Legendre quadrature.
"""

import copy
from collections.abc import Sequence
from typing import Any

from attrs import frozen

BATCH, BATCH_NUMBERS = 16, 1 << 22
"""Points of the path a pass, at most, and numbers in their embeddings."""


@frozen
class Attribution:
    """``scores`` by token of the question, in nats of the answer's log-probability, which is ``value``.

    They should add up to ``value - baseline``; ``error`` is how far they are from it, as a share of it.
    """

    scores: tuple[float, ...]
    value: float
    baseline: float

    @property
    def error(self) -> float:
        """Completeness error: the attributions' sum against the change of the output."""
        gained = self.value - self.baseline
        return abs(sum(self.scores) - gained) / max(abs(gained), 1e-12)


class Attributor:
    """Attributes answers of one model in float32; a model stored in another dtype is copied."""

    def __init__(self, model: Any, baseline: str, steps: int) -> None:
        import torch
        from numpy.polynomial.legendre import leggauss

        single = all(one.dtype == torch.float32 for one in model.parameters() if one.is_floating_point())
        self._model = model if single else copy.deepcopy(model).float()
        weight = self._model.get_input_embeddings().weight.detach()
        self._baseline = weight.mean(dim=0) if baseline == "mean" else torch.zeros_like(weight[0])
        nodes, weights = leggauss(steps)
        self._points = torch.tensor((nodes + 1) / 2, dtype=weight.dtype)
        self._weights = torch.tensor(weights / 2, dtype=weight.dtype)

    def attribute(self, question: Sequence[int], answer: Sequence[int]) -> Attribution:
        """Return the scores of the question's tokens for this answer; both are token ids, neither is empty."""
        import torch

        asked, told = self._embedded(question), self._embedded(answer)
        ids = torch.tensor(list(answer))
        way, total = asked - self._baseline, torch.zeros_like(asked)
        size = max(1, min(BATCH, BATCH_NUMBERS // way.numel()))
        for start in range(0, len(self._points), size):
            points, weights = (part[start : start + size, None, None] for part in (self._points, self._weights))
            path = (self._baseline + points * way).requires_grad_()
            with torch.enable_grad():
                found = self._log_probability(path, told, ids).sum()
                (gradient,) = torch.autograd.grad(found, path)
            total += (weights * gradient).sum(dim=0)
        scores = (way * total).sum(dim=-1)
        return Attribution(tuple(scores.tolist()), *self._ends(asked, told, ids))

    def ablate(self, question: Sequence[int], answer: Sequence[int]) -> tuple[float, ...]:
        """Return the loss of the answer's log-probability, in nats, without each token of the question in turn."""
        whole = self.without(question, answer, ())
        return tuple(whole - self.without(question, answer, (place,)) for place in range(len(question)))

    def without(self, question: Sequence[int], answer: Sequence[int], places: Sequence[int]) -> float:
        """Return the answer's log-probability with the baseline at these places of the question."""
        import torch

        asked = self._embedded(question).clone()
        asked[list(places)] = self._baseline
        with torch.no_grad():
            return float(self._log_probability(asked[None], self._embedded(answer), torch.tensor(list(answer)))[0])

    def _ends(self, asked: Any, told: Any, ids: Any) -> tuple[float, float]:
        import torch

        both = torch.stack([asked, self._baseline.expand_as(asked)])
        with torch.no_grad():
            value, baseline = self._log_probability(both, told, ids).tolist()
        return value, baseline

    def _embedded(self, ids: Sequence[int]) -> Any:
        import torch

        with torch.no_grad():
            return self._model.get_input_embeddings()(torch.tensor(list(ids)))

    def _log_probability(self, asked: Any, told: Any, ids: Any) -> Any:
        """By row of ``asked`` (rows, tokens, width): the sum over the answer's tokens."""
        import torch

        rows, kept = len(asked), len(ids) + 1
        whole = torch.cat([asked, told.expand(rows, *told.shape)], dim=1)
        # counted from the end, for virtual tokens may stand before the question
        logits = self._model(inputs_embeds=whole, logits_to_keep=kept).logits[:, -kept:-1].log_softmax(dim=-1)
        return logits.gather(2, ids.expand(rows, -1)[..., None])[..., 0].sum(dim=1)
