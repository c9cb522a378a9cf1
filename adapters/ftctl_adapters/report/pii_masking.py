"""Mask personal data in report examples, if `pii` was measured.

Values are known by their form. Of an answer that was cut, the rest of a value has none: what `pii` found in its own,
longer answer to the same example tells that one is there, and the cut answer is not shown at all.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ftctl.errors import UsageError
from ftctl_adapters.records.pii_kinds import KINDS, finds, label, masked

MEASURED = "pii.samples.jsonl"
HIDDEN = "[not shown: personal data]"
PLACE, TOKENS, LAYERS, SCORES = "where", "tokens", "layers", "scores"
ANSWERS = ("answer", "before", "after")
LABEL = re.compile("|".join(re.escape(label(kind.name)) for kind in KINDS))
NEEDED = ("stdnum", "phonenumbers")

Hide = Callable[[Any], Any]


def hiding(reports: Iterable[Path]) -> Hide:
    """Return a function that masks personal data in plain values, if a report looked for it.

    Raises:
        UsageError: one did, and what tells values from other numbers is not installed here.
    """
    measured = [path for report in reports if (path := report / MEASURED).exists()]
    if not measured:
        return lambda told: told
    if not all(map(find_spec, NEEDED)):
        text = "these models were measured by `pii`, and what finds personal data is not installed here"
        raise UsageError(text, next_step="pip install 'ftctl[data]'")
    return _Hiding(measured).hide


class _Hiding:
    """Masking function with the values, by kind, that answers to each example contained."""

    def __init__(self, measured: Iterable[Path]) -> None:
        self._known: dict[str, Counter[str]] = {}
        for path in measured:
            for record in map(json.loads, path.read_bytes().splitlines()):
                found = Counter[str](LABEL.findall(record.get("answer", "")))
                self._known[record[PLACE]] = self._known.get(record[PLACE], Counter()) | found

    def hide(self, told: Any) -> Any:
        if isinstance(told, str):
            return masked(told, KINDS)
        if isinstance(told, dict):
            return self._record(told)
        return [self.hide(one) for one in told] if isinstance(told, list) else told

    def _record(self, record: dict[str, Any]) -> dict[str, Any]:
        known = self._known.get(record.get(PLACE, ""), Counter())
        shown = {key: one if key == PLACE else self.hide(one) for key, one in record.items()}
        for key in ANSWERS:
            if isinstance(shown.get(key), str) and known - Counter(LABEL.findall(shown[key])):
                shown[key] = HIDDEN
        if (TOKENS in record or LAYERS in record) and (known or _tells(record)):
            # pieces of a value have no form, and layers say what is almost one
            shown.update({key: [] for key in (TOKENS, LAYERS, SCORES) if isinstance(record.get(key), list)})
        return shown


def _tells(told: Any) -> bool:
    """Return True if the value occurs anywhere; consecutive pieces of text count as one text."""
    if isinstance(told, dict):
        return any(map(_tells, told.values()))
    if isinstance(told, list):
        pieces = all(isinstance(one, str) for one in told)
        return _tells("".join(told)) if pieces else any(map(_tells, told))
    return isinstance(told, str) and next(finds(told, KINDS), None) is not None
