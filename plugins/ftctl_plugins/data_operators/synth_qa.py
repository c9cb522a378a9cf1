"""``synth-qa``: make questions and answers about documents, by a model that must quote its source."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from attrs import evolve

from ftctl.domain import Derived, Example, Message, Outcome
from ftctl.domain.event import PROGRESS_MADE, WARNING_RAISED
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext
from ftctl_adapters.records.chunks import chunks
from ftctl_adapters.serving.batch_client import Asker
from ftctl_adapters.serving.retry import NoAnswer
from ftctl_plugins.endpoint_options import AskingOptions, asker

ASK = (
    "You write training data. From the text that the user gives, make {count} questions that it answers, in the "
    "language of the text. Each must be understood without seeing the text. Reply with JSON alone: "
    '{{"items": [{{"question": "...", "reasoning": "...", "answer": "...", "quote": "..."}}]}}. '
    "`reasoning` is how the answer follows, step by step; `quote` is the passage of the text that the answer stands "
    "on, word for word."
)
NO_QUOTE, NO_JSON, LACKING = "the quote is not in the text", "no JSON as asked for", "a question without all its parts"


@options
class SynthQaOptions(AskingOptions):
    """Options of `SynthQa`."""

    per_chunk: int = option(3, help="Questions of each piece of text.", ge=1, le=20)
    chunk_chars: int = option(2000, help="Characters of a piece.", ge=100)
    overlap_chars: int = option(200, help="Overlap of consecutive chunks.", ge=0)
    reasoning: str = option("drop", help="`answer` puts the steps before the answer; `metadata` keeps them beside it.",
                            choices=("drop", "answer", "metadata"))  # fmt: skip
    max_tokens: int = option(1500, help="Maximum number of new tokens of a reply.", ge=1)
    temperature: float = option(0.0, help="Sampling temperature.", ge=0, le=2)
    timeout_s: float = option(120.0, help="Seconds until a question is asked again.", gt=0)


class SynthQa(RowOperator):
    """Make questions and answers from texts; conversations pass. Refused ones are counted, never taken."""

    derives: ClassVar[bool] = True

    def __init__(self, options: SynthQaOptions) -> None:
        self._options = options
        self._asker: Asker | None = None
        self._refused: Counter[str] = Counter()
        self._made = 0

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        asked = self._options
        self._asker = self._asker or asker(asked, context, asked.max_tokens, asked.temperature)
        before = self._refused.total()
        found = [self._outcome(row, self._asker) if row.text else row for row in rows]
        told = {"asked": self._asker.asked, "tokens": self._asker.tokens, "refused": self._refused.total()}
        context.emit(PROGRESS_MADE, done=self._made, unit="questions", **told)
        if self._refused.total() > before:
            why = ", ".join(f"{count} times {reason}" for reason, count in self._refused.most_common())
            context.emit(WARNING_RAISED, message=f"synth-qa refused what the model wrote: {why}")
        return found

    def _outcome(self, row: Example, model: Asker) -> Outcome:
        pieces = chunks(row.text, self._options.chunk_chars, self._options.overlap_chars)
        made = tuple(one for piece in pieces for one in self._questions(row, piece, model))
        self._made += len(made)
        return Derived(row, made) if made else row

    def _questions(self, row: Example, piece: str, model: Asker) -> Iterator[Example]:
        turns = [{"role": "system", "content": ASK.format(count=self._options.per_chunk)},
                 {"role": "user", "content": piece}]  # fmt: skip
        try:
            reply = model.ask(turns)
        except NoAnswer as error:
            self._refused[f"no answer ({error})"] += 1
            return
        for item in self._items(reply)[: self._options.per_chunk]:
            reason = _refusal(item, piece)
            if reason:
                self._refused[reason] += 1
            else:
                yield self._example(row, item)

    def _items(self, reply: str) -> list[Any]:
        """Return the list inside a reply, whatever surrounds it."""
        start, end = reply.find("{"), reply.rfind("}")
        try:
            found = json.loads(reply[start : end + 1])["items"]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, list):
            self._refused[NO_JSON] += 1
            return []
        return found

    def _example(self, row: Example, item: dict[str, str]) -> Example:
        steps, how = item.get("reasoning", "").strip(), self._options.reasoning
        answer = f"{steps}\n\n{item['answer']}" if how == "answer" and steps else item["answer"]
        told = {"quote": item["quote"]} | ({"reasoning": steps} if how == "metadata" and steps else {})
        turns = (Message("user", item["question"]), Message("assistant", answer))
        return evolve(row, text="", messages=turns, metadata=row.metadata | told)


def _refusal(item: Any, piece: str) -> str:
    parts = ("question", "answer", "quote")
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) and item[name].strip() for name in parts):
        return LACKING
    if not isinstance(item.get("reasoning", ""), str):
        return LACKING
    return "" if " ".join(item["quote"].split()) in " ".join(piece.split()) else NO_QUOTE
