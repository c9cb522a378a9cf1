"""Next-token cross entropy, with the vocabulary head applied to trained positions alone."""

from typing import Any

from ftctl.domain.encoded import IGNORED
from ftctl.ports.objective import Batch
from ftctl_adapters.modeling.logit_path import logits_are_plain


def token_losses(model: Any, batch: Batch) -> tuple[Any, Any]:
    """-log p of every trained token, and which positions they are.

    Args:
        model: a causal language model, adapters included.
        batch: rows padded on the right; causal attention never looks at the padding, so no mask is needed.

    Returns:
        ``losses`` of shape (trained,), float32 or the model's float64, with gradient, and ``chosen`` of shape
        (rows, length - 1), bool.

    Hidden states of shape (rows, length, hidden) are gathered at the positions that predict a trained token before
    the head is applied, so that logits exist for those only, a chunk at a time. Architectures that scale or cap their
    logits, heads that are more than a matrix, and virtual tokens take the ordinary path through the whole model.
    """
    import torch

    from ftctl_adapters.kernels.frozen_weight import frozen_weight
    from ftctl_adapters.kernels.head_loss import head_losses
    from ftctl_adapters.kernels.last_layer import states_at
    from ftctl_adapters.kernels.precision import wide

    targets = batch.labels[:, 1:]
    chosen = targets != IGNORED
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = core.get_output_embeddings()
    if ordinary(model):
        logits = model(input_ids=batch.ids, use_cache=False, **_placed(batch)).logits
        logits = logits[:, -batch.ids.shape[1] :][:, :-1][chosen]
        return torch.nn.functional.cross_entropy(wide(logits), targets[chosen], reduction="none"), chosen
    positions = {} if batch.positions is None else {"position_ids": batch.positions}
    asked = torch.nn.functional.pad(chosen, (0, 1)).view(-1).nonzero()[:, 0]
    hidden = states_at(core.get_decoder(), asked, input_ids=batch.ids, **positions)
    return head_losses(hidden, frozen_weight(head), targets[chosen]), chosen


def _placed(batch: Batch) -> dict[str, Any]:
    return {"attention_mask": batch.mask} if batch.positions is None else {"position_ids": batch.positions}


def ordinary(model: Any) -> bool:
    """Return True if logits are more than head times hidden states, or sequences more than their tokens."""
    config = getattr(model, "active_peft_config", None)
    return bool(config is not None and config.is_prompt_learning) or not logits_are_plain(model)
