"""Find out whether a model keeps packed texts apart."""

from typing import Any

from ftctl.domain.encoded import Encoded
from ftctl.errors import ConfigInvalid
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.loss import token_losses

LENGTH = 24
EXACT = 1e-4
"""Nats a token by which a text's losses may move when the text packed before it changes: none but rounding."""
NEAR = {"torch.float32": 1e-3, "torch.float64": 1e-3}
"""Nats a token by which a packed text may differ from the same text alone; in 16 bits, products of other shapes round
otherwise, and only what is far off is taken for wrong positions."""
NEAR_IN_16_BITS = 0.5


def refuse_leaks(model: Any, pad_id: int) -> None:
    """Refuse separate packing where a text sees another that is packed before it, or stands at other positions.

    State-space layers, convolutions and biases by distance are told apart by no position ids. So two texts are packed
    behind one another: the second's losses must not change with the first, and must be those of the second alone.

    Raises:
        ConfigInvalid: with how far the losses move.
    """
    alone, packed, after_another = (_losses(model, pad_id, firsts) for firsts in ((), (3,), (11,)))
    moved = float((packed - after_another).abs().max())
    off = float((packed - alone).abs().max())
    if moved > EXACT or off > NEAR.get(str(model.dtype), NEAR_IN_16_BITS):
        kind = type(model.get_base_model() if hasattr(model, "get_base_model") else model).__name__
        text = f"tuner.packing_attention: {kind} does not keep packed texts apart, losses move by {max(moved, off):.2g}"
        raise ConfigInvalid(text, next_step="say tuner.packing: false; or packing_attention: joined")


def _losses(model: Any, pad_id: int, firsts: tuple[int, ...]) -> Any:
    """Losses (LENGTH - 1,) of one text behind texts that begin with the ids ``firsts``."""
    import torch

    rows = [*(_ids(model, first) for first in firsts), _ids(model, 5)]
    ids = tuple(token for row in rows for token in row)
    labels = (*[-100] * (len(ids) - LENGTH + 1), *ids[len(ids) - LENGTH + 1 :])
    starts = tuple(number * LENGTH for number in range(len(rows)))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        losses, _ = token_losses(model, collate([Encoded("", ids, labels, starts)], pad_id))
    model.train(was_training)
    return losses.float().cpu()


def _ids(model: Any, first: int) -> list[int]:
    size = model.get_input_embeddings().weight.shape[0]
    return [(first + 7 * place) % size for place in range(LENGTH)]
