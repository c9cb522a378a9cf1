"""Token log-probabilities from logits in numpy."""

from typing import Any

from attrs import frozen

ROWS = 64
"""At a time: a row in float64 is megabytes where the vocabulary is a real one's."""


@frozen
class TokenScores:
    """Log-probabilities of tokens in nats, float64.

    ``log_probabilities`` (tokens,) of the tokens themselves; ``likeliest`` (tokens, top), int64, the likeliest first;
    ``theirs`` (tokens, top), what those have.
    """

    log_probabilities: Any
    likeliest: Any
    theirs: Any


def token_scores(logits: Any, wanted: Any, top: int = 0) -> TokenScores:
    """Return log-probabilities and top candidates of the token after each position.

    Args:
        logits: of shape (tokens, vocabulary), any float.
        wanted: of shape (tokens,), the ids that follow; as many as there are rows.
        top: how many of the likeliest are told too, at most as many as there are.
    """
    import numpy as np

    wanted, top = np.asarray(wanted, dtype=np.int64), min(top, logits.shape[1])
    told, likeliest, theirs = (
        np.zeros(len(wanted)),
        np.zeros((len(wanted), top), np.int64),
        np.zeros((len(wanted), top)),
    )
    for start in range(0, len(wanted), ROWS):
        rows = slice(start, start + ROWS)
        part = np.asarray(logits[rows], dtype=np.float64)
        part = part - part.max(axis=1, keepdims=True)
        part -= np.log(np.exp(part).sum(axis=1, keepdims=True))
        told[rows] = part[np.arange(len(part)), wanted[rows]]
        if top:
            likeliest[rows] = np.argsort(-part, axis=1, kind="stable")[:, :top]
            theirs[rows] = np.take_along_axis(part, likeliest[rows], axis=1)
    return TokenScores(told, likeliest, theirs)
