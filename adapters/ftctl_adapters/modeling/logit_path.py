"""Find out whether a model's logits are its head's product of the last hidden states, and nothing more."""

import weakref
from typing import Any

LARGEST = 200.0
"""Test logits run from minus this to this: a cap or a factor changes them, however small the model's own are."""

_found: weakref.WeakKeyDictionary[Any, bool] = weakref.WeakKeyDictionary()


def logits_are_plain(model: Any) -> bool:
    """Return True if logits may be computed as hidden states times the head's weight.

    Architectures cap, scale or shift their logits, or change the last hidden states before the head, under config keys
    of many names. So the model itself is asked, once: its head's output is replaced by a ramp of large numbers,
    which has to come out as it is, and what reaches the head has to be what the decoder returns.

    Args:
        model: a causal language model, adapters included, with all of its weights in this process.
    """
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    known = _found.get(core)
    if known is None:
        known = _found[core] = _is_linear_head(core) and _probed(core)
    return known


def _is_linear_head(core: Any) -> bool:
    import torch

    head = core.get_output_embeddings()
    return type(head) is torch.nn.Linear and head.bias is None


def _probed(core: Any) -> bool:
    import torch

    decoder, head = core.get_decoder(), core.get_output_embeddings()
    if decoder is core or decoder is None:
        return False
    reached: list[Any] = []

    def ramp(_: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        reached.append(inputs[0])
        return torch.linspace(-LARGEST, LARGEST, output.shape[-1], device=output.device).to(output).expand_as(output)

    ids = torch.arange(1, 5, device=head.weight.device)[None] % head.weight.shape[0]
    was_training, handle = core.training, head.register_forward_hook(ramp)
    core.eval()
    try:
        with torch.no_grad():
            logits = core(input_ids=ids, use_cache=False).logits
            hidden = decoder(input_ids=ids, use_cache=False).last_hidden_state
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return False  # the model itself may work: its own forward pass is used, and says what is wrong
    finally:
        handle.remove()
        core.train(was_training)
    wanted = torch.linspace(-LARGEST, LARGEST, logits.shape[-1], device=logits.device).to(hidden.dtype)
    one = len(reached) == 1 and reached[0].dtype == hidden.dtype and reached[0].shape == hidden.shape
    return bool(one and torch.equal(logits.to(hidden.dtype), wanted.expand_as(logits)) and _same(reached[0], hidden))


def _same(one: Any, other: Any) -> bool:
    return bool((one - other).abs().max() <= 1e-3 * other.abs().max())
