"""Encoder for objectives: from examples to token ids and labels."""

from collections.abc import Sequence

from attrs import evolve, frozen

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example, Message
from ftctl.ports.objective import Encoder
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.modeling.tokenizer import ChatTokenizer


@frozen
class ExampleEncoder(Encoder):
    """Encoder with the trained model's tokenizer; ``loss_on`` selects the trained tokens."""

    tokenizer: ChatTokenizer
    loss_on: str

    def example(self, example: Example) -> Encoded:
        return encode_example(self.tokenizer, example, self.loss_on)

    def answered(self, example: Example, answer: Sequence[Message]) -> Encoded:
        turns = (*example.messages[:-1], *answer)
        return encode_example(self.tokenizer, evolve(example, messages=turns), "last_answer")
