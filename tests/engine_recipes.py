"""A recipe of real operators for engines, and operators that fail where a test says."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.example import Example
from ftctl.domain.outcome import Outcome
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator
from ftctl.testing.contracts.offer import make
from ftctl_adapters.bootstrap import build_registry


def operator(name: str, **values: Any) -> tuple[str, DataOperator]:
    found: DataOperator = make(build_registry().find("data_operator", name), values)  # type: ignore[arg-type]
    return name, found


class Stumbling(RowOperator):
    """Raises over each row that says ``word``."""

    def __init__(self, word: str) -> None:
        self.word = word

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        if any(self.word in row.answer for row in rows):
            raise RuntimeError(f"cannot bear {self.word}")
        return rows


class Dying(RowOperator):
    """Ends its process at the first row that says ``word``, as often as there is no file for it yet."""

    def __init__(self, word: str, folder: Path, times: int = 1) -> None:
        self.word, self.folder, self.times = word, folder, times

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        if any(self.word in row.answer for row in rows):
            for number in range(self.times):
                mark = self.folder / f"died-{number}"
                if not mark.exists():
                    mark.touch()
                    os._exit(1)
        return rows


def recipe(exam: Path) -> list[tuple[str, DataOperator]]:
    """Row operators, both kinds of duplicates, an evaluation set, a split, and rows that are made."""
    return [
        operator("normalise", whitespace="collapse"),
        ("stumble", Stumbling("number 77 ")),
        operator("pii", kinds=["email"]),
        operator("decontaminate", against=[str(exam)]),
        operator("dedup-exact", keep="longest"),
        operator("dedup-near"),
        operator("dedup-near", action="keep-together", threshold=0.3),
        operator("split"),
        operator("augment-noise", share=0.2),
    ]
