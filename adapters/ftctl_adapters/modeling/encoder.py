"""Encoder for objectives: from examples to token ids and labels."""

import re
from collections import Counter
from collections.abc import Sequence

from attrs import evolve, field, frozen

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example, Message
from ftctl.ports.objective import Encoder
from ftctl_adapters.modeling.answer_spans import one_answer_each
from ftctl_adapters.modeling.labels import encode_example, refuse_losses
from ftctl_adapters.modeling.tokenizer import ChatTokenizer


@frozen
class ExampleEncoder(Encoder):
    """Encoder with the trained model's tokenizer; ``loss_on`` selects the trained tokens.

    Examples of which the chat template leaves something out are refused, or counted in ``lost`` if ``template_drops``
    is ``allow``.
    """

    tokenizer: ChatTokenizer
    loss_on: str
    template_drops: str = "refuse"
    lost: Counter[str] = field(factory=Counter)
    apart: bool = False
    """Whether each answer has a sequence of its own; then templates may leave out reasoning of earlier answers."""

    def answers(self, example: Example) -> list[Example]:
        """Return the conversation up to each trained answer, for templates that rewrite earlier ones."""
        return one_answer_each(example, last_only=self.loss_on == "last_answer")

    def each_apart(self) -> "ExampleEncoder":
        """Return an encoder of what `answers` returns."""
        return evolve(self, apart=True)

    def example(self, example: Example) -> Encoded:
        return encode_example(self.tokenizer, example, self.loss_on, self._lose)

    def answered(self, example: Example, answer: Sequence[Message]) -> Encoded:
        turns = (*example.messages[:-1], *answer)
        return encode_example(self.tokenizer, evolve(example, messages=turns), "last_answer", self._lose)

    def _lose(self, example: Example, lost: list[str]) -> None:
        if self.apart:
            lost = [one for one in lost if not _is_earlier_answer(one, len(example.messages))]
        if not lost:
            return
        if self.template_drops != "allow":
            refuse_losses(example, lost)
        kinds = {"tools" if one == "tools" else one.partition("(")[2].rstrip(")") for one in lost}
        self.lost.update(kinds)


def _is_earlier_answer(lost: str, turns: int) -> bool:
    """Return True for reasoning or calls of an answer before the last turn, which has a sequence of its own."""
    found = re.fullmatch(r"turn (\d+) \((assistant|reasoning|tool call)\)", lost)
    return found is not None and int(found[1]) < turns
