"""``filter-turns``: drop conversations with the wrong number or order of turns."""

from collections.abc import Sequence
from itertools import pairwise

from ftctl.domain import Dropped, Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext


@options
class FilterTurnsOptions:
    """Options of `FilterTurns`."""

    min_turns: int = option(2, help="Fewest turns, without the system message.", ge=1)
    max_turns: int | None = option(None, help="Most turns, without the system message; null: any number.", ge=1)
    alternate: bool = option(True, help="User and assistant must take turns; tools may come between.")
    texts: str = option("keep", help="Texts that are no conversations.", choices=("keep", "drop"))
    empty: str = option("drop", help="Conversations with an empty turn.", choices=("drop", "keep"))


class FilterTurns(RowOperator):
    """Filters conversations; raw texts pass."""

    def __init__(self, options: FilterTurnsOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        texts = "" if self._options.texts == "keep" else "no conversation"
        wrong = [self.wrong(row) if row.messages else texts for row in rows]
        return [Dropped("filtered", why) if why else row for row, why in zip(rows, wrong, strict=True)]

    def wrong(self, row: Example) -> str:
        """Return why the conversation is unwanted; empty if it is not."""
        asked = self._options
        turns = [message for message in row.messages if message.role != "system"]
        if len(turns) < asked.min_turns:
            return f"fewer than {asked.min_turns} turns"
        if asked.max_turns and len(turns) > asked.max_turns:
            return f"more than {asked.max_turns} turns"
        if asked.empty == "drop" and any(not turn.said.strip() for turn in turns):
            return "an empty turn"
        # an assistant that called a tool speaks again once that has answered
        roles = [turn.role for turn in turns]
        pairs = [(one, two) for one, two in pairwise(roles) if "tool" not in (one, two)]
        if asked.alternate and (roles[0] != "user" or any(one == two for one, two in pairs)):
            return "turns do not alternate"
        return ""
