"""A request in the engine."""

from collections.abc import Callable

from attrs import define, field, frozen


@frozen
class Sampling:
    """``temperature`` 0 is greedy; ``top_k`` 0 is no bound; an answer has ``min_tokens`` at least."""

    max_tokens: int
    min_tokens: int = 0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0


@frozen
class Step:
    """Step of a turn: a token, an end, or both. ``finish``: ``stop``, ``length`` or ``error``."""

    token: int | None
    finish: str | None = None


@define(eq=False)
class Turn:
    """A prompt being answered; ``deliver`` is called on the engine's thread."""

    ids: tuple[int, ...]
    sampling: Sampling
    deliver: Callable[[Step], None]
    cancelled: bool = field(default=False)
