"""Personal data in what reports show of examples: masked where `pii` was measured."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ftctl_adapters.records.private_kinds import KINDS, finds, masked

MEASURED = "pii.samples.jsonl"
HIDDEN = "▒"
PLACE, PIECES = "where", "tokens"


def hiding(reports: Iterable[Path]) -> Callable[[Any], Any]:
    """What takes personal data out of plain values; they stay as they are where none of the reports looked for it."""
    return _hidden if any((report / MEASURED).exists() for report in reports) else lambda told: told


def _hidden(told: Any) -> Any:
    if isinstance(told, str):
        return masked(told, KINDS)
    if isinstance(told, dict):
        return {key: _field(key, one) for key, one in told.items()}
    return [_hidden(one) for one in told] if isinstance(told, list) else told


def _field(key: str, told: Any) -> Any:
    if key == PLACE:
        return told
    return _tokens(told) if key == PIECES and isinstance(told, list) else _hidden(told)


def _tokens(tokens: list[str]) -> list[str]:
    """Pieces of one text: a value is found in the whole of it, and hidden in each piece."""
    found, begin, told = list(finds("".join(tokens), KINDS)), 0, []
    for token in tokens:
        end = begin + len(token)
        told.append(HIDDEN if token and any(begin < one.end and one.start < end for one in found) else token)
        begin = end
    return told
