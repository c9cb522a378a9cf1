"""Target of an evaluation: a loaded model or an endpoint, behind one protocol."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from attrs import frozen

from ftctl.domain.example import Example, Prompt
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed


@frozen
class Answer:
    """An answer: its text without special tokens, its token ids, and why it ended (``stop`` or ``length``).

    ``error`` says why there is none; then the text is empty and means nothing.
    """

    text: str
    token_ids: tuple[int, ...]
    finish_reason: str
    error: str = ""


@frozen
class Score:
    """Sum of natural-log probabilities over ``tokens`` scored tokens that spell ``characters`` characters.

    ``error`` says why there is none; then the probability is no number, so that no figure can be made of it.
    """

    log_probability: float
    tokens: int
    characters: int
    error: str = ""

    @classmethod
    def missing(cls, error: str) -> Self:
        """Return the score of an example that was not scored, with the reason."""
        return cls(math.nan, 0, 0, error)


@frozen
class LoadedModel:
    """Access to a loaded model for white-box evaluators: the torch module in eval mode, and its tokenizer."""

    model: Any
    tokenizer: Any


@frozen
class EndpointAccess:
    """Access to the server, for evaluators that measure the server itself; the key is a secret."""

    endpoint: Endpoint
    key: str | None = None


class Target(ABC):
    """A model that answers prompts and scores texts.

    ``max_error_rate`` is the share of questions that may stay unanswered before nothing that was measured holds.
    """

    max_error_rate: float = 0.0
    name: str = ""
    """Who answers, where that is not a model of this workspace."""

    @property
    def max_model_len(self) -> int | None:
        """Return the largest number of tokens of question and answer together; ``None`` if unknown."""
        return None

    @abstractmethod
    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        """Return one greedy answer a prompt, in order; an unanswerable prompt gets its reason.

        Of a prompt whose answer has ``begun`` it is what comes after: who cannot go on with one refuses it.
        """

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        """Return one answer a prompt, sampled at the temperature, in order.

        The same seed draws the same answer to a prompt, whatever is asked beside it; of a server, as far as it does.

        Raises:
            BackendFailed: it answers greedily alone.
        """
        text = "this model only answers greedily here, and several answers were to be drawn"
        raise BackendFailed(text, next_step="ask for one answer, or measure it by another loader")

    @abstractmethod
    def score(self, examples: Sequence[Example]) -> list[Score]:
        """Return the log-probability of each example's last answer given the turns before it; of raw text, all of it.

        Of an example that cannot be scored, why.
        """

    def reached(self) -> EndpointAccess:
        """Return the address of a served model.

        Raises:
            BackendFailed: it is in this process.
        """
        text = "this model is in this process, and there is no server to measure"
        raise BackendFailed(text, next_step="name the `endpoint`, or say evaluate_served: true")

    def inside(self) -> LoadedModel:
        """Return the loaded model.

        Raises:
            BackendFailed: it is behind a server, or has no gradients here.
        """
        text = "this model only answers, and nobody can look into it"
        raise BackendFailed(text, next_step="leave out the evaluators that need its weights")
