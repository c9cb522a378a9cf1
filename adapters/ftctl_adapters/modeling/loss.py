"""Next-token cross entropy, with the vocabulary head applied to trained positions alone."""

from typing import Any

from ftctl_adapters.modeling.batch import Batch
from ftctl_adapters.modeling.labels import IGNORED

SCALED_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")
"""Config keys of architectures that do more than a matrix product after the last hidden state."""


def token_losses(model: Any, batch: Batch) -> tuple[Any, Any]:
    """-log p of every trained token, and which positions they are.

    Returns:
        ``losses`` of shape (trained,), float32 with gradient, and ``chosen`` of shape (rows, length - 1), bool.

    Hidden states of shape (rows, length, hidden) are gathered at the positions that predict a trained token before
    the head is applied, so that logits exist for those only: (trained, vocabulary) instead of (rows × length,
    vocabulary). Architectures that scale or cap their logits take the ordinary path through the whole model.
    """
    import torch

    targets = batch.labels[:, 1:]
    chosen = targets != IGNORED
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    if any(getattr(core.config, key, None) is not None for key in SCALED_LOGITS):
        logits = model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).logits[:, :-1][chosen]
    else:
        decoder, head = core.get_decoder(), core.get_output_embeddings()
        hidden = decoder(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).last_hidden_state
        logits = head(hidden[:, :-1][chosen])
    return torch.nn.functional.cross_entropy(logits.float(), targets[chosen], reduction="none"), chosen


def summed_loss(model: Any, batch: Batch) -> Any:
    """The sum of -log p over the trained tokens of a batch, a float32 scalar with gradient."""
    return token_losses(model, batch)[0].sum()
