"""Losses while the learning rate rises."""

from attrs import frozen


@frozen
class Sweep:
    """``points`` are learning rates and the running mean loss at each; at ``suggested`` it fell fastest."""

    points: tuple[tuple[float, float], ...]
    suggested: float
