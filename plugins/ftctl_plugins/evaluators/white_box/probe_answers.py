"""Probe answers of white-box evaluators: a few of the model's own answers, as token ids."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ftctl.domain.example import Example
from ftctl.ports import Answer, LoadedModel, Target, answered
from ftctl_plugins.evaluators.conversations import conversations

HALF, LONGEST = "\N{REPLACEMENT CHARACTER}", 4
"""What half a character decodes to, and how many tokens of a byte each a character has at most."""


@frozen
class ProbeAnswer:
    """A question and its answer; ``question`` and ``said`` are token ids, neither is empty."""

    example: Example
    answer: Answer
    question: tuple[int, ...]
    said: tuple[int, ...]

    def record(self) -> dict[str, Any]:
        """Return the report's record."""
        example = self.example
        return {"where": example.where, "prompt": example.prompt.question, "expected": example.answer,
                "answer": self.answer.text}  # fmt: skip


def ask_for(
    target: Target, inside: LoadedModel, data: Sequence[Example], limit: int, max_new_tokens: int, who: str
) -> tuple[list[ProbeAnswer], list[dict[str, Any]]]:
    """Return the first conversations with the model's answers, and records of unanswered ones.

    Raises:
        NoUsableRows: there is no conversation.
    """
    found = conversations(who, data, limit)
    told = target.generate([example.prompt for example in found], max_new_tokens)
    kept, answers, missing = answered(found, told)
    asked = []
    for example, answer in zip(kept, answers, strict=True):
        tokenizer = inside.tokenizer
        question = tokenizer.asked(example.prompt)
        said = list(answer.token_ids) or tokenizer.encode(answer.text) or [min(tokenizer.stop_ids)]
        asked.append(ProbeAnswer(example, answer, tuple(question), tuple(said)))
    return asked, list(missing)


def spelled(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return the text of each token; a character of several tokens stands at the last of them."""
    pieces, begin = [], 0
    for place in range(len(ids)):
        text = tokenizer.decode(list(ids[begin : place + 1]))
        whole = not text.endswith(HALF) or place + 1 - begin >= LONGEST
        pieces.append(text if whole else "")
        begin = place + 1 if whole else begin
    return pieces
