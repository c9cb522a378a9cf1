"""Divide texts longer than a model's context."""

from typing import Any

from ftctl.domain.encoded import IGNORED, Encoded


def context_of(model: Any) -> int | None:
    """Return the model's context length in tokens; ``None`` if it has no limit."""
    config: Any = getattr(model, "config", None)
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    told = getattr(config, "max_position_embeddings", None)
    return told if isinstance(told, int) and told > 1 else None


def windows(row: Encoded, length: int | None) -> list[Encoded]:
    """Yield windows of at most ``length`` tokens that score each token once.

    Each piece after the first goes on from half a context that was scored before: a token has as much to look back to,
    and no more passes are made than twice as many as there are contexts in the row.
    """
    if length is None or len(row.ids) <= length:
        return [row]
    found, done = [Encoded(row.where, row.ids[:length], row.labels[:length])], length
    while done < len(row.ids):
        end = min(done + length // 2, len(row.ids))
        begin = end - length
        labels = (*[IGNORED] * (done - begin), *row.labels[done:end])
        found.append(Encoded(row.where, row.ids[begin:end], labels))
        done = end
    return [piece for piece in found if piece.trained]
