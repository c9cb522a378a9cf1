"""What an evaluator talks to: a loaded model or an endpoint, behind one protocol."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from attrs import frozen

from ftctl.domain.example import Example, Prompt


@frozen
class Answer:
    """A greedy answer: its text without special tokens, its token ids, and why it ended (``stop`` or ``length``)."""

    text: str
    token_ids: tuple[int, ...]
    finish_reason: str


@frozen
class Score:
    """Sum of natural-log probabilities over ``tokens`` scored tokens that spell ``characters`` characters."""

    log_probability: float
    tokens: int
    characters: int


class Target(ABC):
    """A model that can be asked."""

    @abstractmethod
    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        """Greedy answers, one a prompt, in the order given."""

    @abstractmethod
    def score(self, examples: Sequence[Example]) -> list[Score]:
        """How probable the last answer of each example is, given what comes before it; of raw text, all of it."""
