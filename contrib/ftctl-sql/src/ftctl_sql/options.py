"""What can be said about a query, and what must fit together."""

import re

from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options

_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
_QUOTED_OR_COMMENT = re.compile(rf"({_QUOTED})|--[^\n]*|/\*.*?\*/", re.DOTALL)


@options
class SqlOptions:
    url_env: str = option(help="Name of the environment variable that holds the database's address.")
    query: str = option(help="One SELECT.")
    key: str = option("id", help="Column of the result that is unique and never null; rows come in its order.")
    prompt: str | None = option(None, help="Column that asks.")
    completion: str | None = option(None, help="Column that answers; trained.")
    system: str | None = option(None, help="Column with the system prompt.")
    messages: str | None = option(None, help="Column with a JSON list of turns, instead of prompt and completion.")
    text: str | None = option(None, help="Column with raw text, instead of a conversation.")
    updated: str | None = option(None, help="Column with the time of a row's last change, to notice edits.")
    page_size: int = option(5000, help="Rows read at a time.", ge=1, le=1_000_000)


def check(given: SqlOptions) -> None:
    """Refuses what cannot be meant.

    Raises:
        ConfigInvalid: with every problem.
    """
    problems = []
    if bool(given.prompt) != bool(given.completion):
        problems.append("data_source: prompt and completion belong together")
    ways = [bool(given.prompt or given.completion), bool(given.messages), bool(given.text)]
    if sum(ways) != 1:
        problems.append("data_source: say what is trained: prompt and completion, or messages, or text")
    plain = re.sub(_QUOTED, "''", select(given))
    if ";" in plain or not re.match(r"(?i)(select|with)\b", plain):
        problems.append("data_source.query: must be one SELECT")
    if problems:
        raise ConfigInvalid("; ".join(problems), next_step="the README of ftctl-sql has an example")


def select(given: SqlOptions) -> str:
    """The query without comments and the semicolon at its end, so that it can stand in another."""
    return _QUOTED_OR_COMMENT.sub(lambda found: found[1] or " ", given.query).strip().rstrip("; \n\t")
