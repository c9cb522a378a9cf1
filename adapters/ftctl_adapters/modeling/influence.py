"""Influence of training examples by the similarity of gradients.

The dot product of loss gradients at one checkpoint is TracIn's first-order influence (Pruthi et al., Estimating
training data influence by tracing gradient descent, 2020); here it is their cosine, so that long answers do not win by
length. Gradients are of the last block alone and kept as count sketches (Charikar, Chen and Farach-Colton, Finding
frequent items in data streams, 2002), which keep inner products to about one part in the root of their size.
"""

import copy
from typing import Any

from ftctl.domain.encoded import Encoded
from ftctl_adapters.modeling.decoder_blocks import layers_of

SKETCH = 1 << 14
"""Numbers kept of a gradient; the standard error of a cosine is about 0.008."""


class Gradients:
    """Gradients of a model in float32, in a copy of it where it is stored otherwise.

    Raises:
        ValueError: its blocks are not where this can find them.
    """

    def __init__(self, model: Any, seed: int) -> None:
        import torch

        single = all(one.dtype == torch.float32 for one in model.parameters() if one.is_floating_point())
        self._model = model if single else copy.deepcopy(model).float()
        blocks = layers_of(self._model)
        if not blocks:
            raise ValueError(f"{type(model).__name__} has no blocks that this knows")
        self._weights = list(blocks[-1].parameters())
        size, draw = sum(one.numel() for one in self._weights), torch.Generator().manual_seed(seed)
        self._bucket = torch.randint(SKETCH, (size,), generator=draw, dtype=torch.int32)
        self._sign = torch.randint(2, (size,), generator=draw, dtype=torch.int8)

    def of(self, row: Encoded) -> Any:
        """Return the sketched gradient of the loss of an example's trained tokens: (SKETCH,), float32, of length 1."""
        import torch

        before = [one.requires_grad for one in self._model.parameters()]
        ids, labels = torch.tensor([row.ids]), torch.tensor([row.labels])
        try:
            self._model.requires_grad_(False)
            for one in self._weights:
                one.requires_grad_(True)
            with torch.enable_grad():
                loss = self._model(input_ids=ids, labels=labels, use_cache=False).loss
                found = torch.autograd.grad(loss, self._weights, allow_unused=True)
        finally:
            for one, trained in zip(self._model.parameters(), before, strict=True):
                one.requires_grad_(trained)
        parts = [
            torch.zeros_like(one) if grad is None else grad for one, grad in zip(self._weights, found, strict=True)
        ]
        whole = torch.cat([part.flatten() for part in parts]) * (2 * self._sign - 1)
        sketch = torch.zeros(SKETCH).index_add_(0, self._bucket, whole)
        return sketch / sketch.norm().clamp_min(1e-30)
