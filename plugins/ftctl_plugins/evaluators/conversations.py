"""Conversations of the test split, for evaluators that ask questions."""

from collections.abc import Sequence

from ftctl.domain.example import Example
from ftctl.errors import NoUsableRows


def conversations(who: str, data: Sequence[Example], limit: int | None, fewest: int = 1) -> list[Example]:
    """Return the first ``limit`` conversations of the test split; raw texts have no questions.

    Raises:
        NoUsableRows: there are fewer than ``fewest``.
    """
    found = [example for example in data if example.messages][:limit]
    if len(found) >= fewest:
        return found
    step = "leave it out of `evaluators` (perplexity measures raw text), or give a test split that holds some"
    if not found:
        raise NoUsableRows(f"{who} needs conversations; the test split holds raw text only", next_step=step)
    raise NoUsableRows(f"{who} needs {fewest} conversations; the test split has {len(found)}", next_step=step)
