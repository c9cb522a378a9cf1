"""Losses of a learning-rate range test."""

from attrs import frozen


@frozen
class Sweep:
    """Learning-rate range test: ``points`` are learning rates with the running mean loss; it fell fastest at
    ``suggested``.
    """

    points: tuple[tuple[float, float], ...]
    suggested: float
