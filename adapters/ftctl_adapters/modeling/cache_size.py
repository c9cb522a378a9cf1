"""Memory that generating an answer takes beside the weights."""

from typing import Any

CACHE = 512 * 1024**2
"""Bytes of keys, values and logits that a batch of answers may take, unless one question alone takes more."""

LOGITS = 8
"""Bytes of an entry of the vocabulary while a token is chosen: as the model gives it, and in float32."""


def bytes_per_token(model: Any) -> int:
    """Return the bytes of a token's keys and values in all layers; an upper bound where layers keep a state instead."""
    config = model.config.get_text_config()
    heads = _largest(getattr(config, "num_attention_heads", None))
    width = _largest(getattr(config, "head_dim", None)) or config.hidden_size // (heads or 1)
    kept = _largest(getattr(config, "num_key_value_heads", None)) or heads or 1
    return int(2 * config.num_hidden_layers * kept * width * model.dtype.itemsize)


def bytes_per_answer(model: Any) -> int:
    """Return the bytes of an answer beside those of its tokens: the logits of the next one."""
    return int(model.config.get_text_config().vocab_size * LOGITS)


def _largest(told: Any) -> int:
    """Return a number of the config, which may be one a layer; 0 if there is none."""
    return int(max(told) if isinstance(told, list | tuple) else told or 0)
