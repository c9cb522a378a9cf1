"""Sources and operators of other distributions: contained, given copies, and what they return checked."""

import inspect
import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, BinaryIO

from attrs import define, field, frozen

from ftctl.domain.example import Example, Rejection
from ftctl.domain.outcome import DROPPED, Derived, Dropped, Fate, Outcome
from ftctl.domain.split import SPLITS
from ftctl.errors import FtctlError, PluginBroken
from ftctl.plugin.containment import ADVICE, contained, each, foreign
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator, SealOperator, SetOperator, SplitOperator
from ftctl.ports.data_source import DataSource

SEVERAL = 3
"""Rows that must all fail before the operator is at fault, and not they."""


@frozen
class ForeignSource(DataSource):
    """Source of another distribution; ``owner`` names both."""

    source: DataSource
    owner: str

    def fingerprint(self) -> str:
        with foreign(self.owner, "fingerprint()"):
            return self.source.fingerprint()

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        with foreign(self.owner, "examples()"):
            rows = self.source.examples(context)
        for number, row in enumerate(each(rows, self.owner, "examples()"), 1):
            problem = _row_problem(row)
            if problem:
                raise _impossible(self.owner, "examples()", f"row {number} {problem}")
            yield row


def contained_operator(operator: Any, owner: str) -> DataOperator:
    """Return an operator that calls this one contained, with copies, and checks its results.

    Raises:
        PluginBroken: it is no operator.
    """
    for base, kind in KINDS.items():
        if isinstance(operator, base):
            return kind(operator, owner)  # type: ignore[no-any-return]
    text = f"{owner}: a {type(operator).__name__} is no operator of rows, sets, splits or files"
    raise PluginBroken(text, next_step=ADVICE)


@define
class _Foreign(DataOperator):
    operator: Any
    owner: str

    def fingerprint(self) -> str:
        with foreign(self.owner, "fingerprint()"):
            return str(self.operator.fingerprint())


@define
class ForeignRowOperator(_Foreign, RowOperator):
    """Operator on rows of another distribution."""

    derives: bool = field(init=False)  # type: ignore[misc]
    masks: bool = field(init=False)  # type: ignore[misc]

    def __attrs_post_init__(self) -> None:
        self.derives, self.masks = bool(self.operator.derives), bool(self.operator.masks)

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        self._refuse_signature(rows, context)
        try:
            outcomes = self._outcomes(rows, context)
        except (FtctlError, MemoryError, OSError):
            raise
        except Exception as error:
            self._refuse_on_every_row(rows, context, error)
            raise
        if not isinstance(outcomes, list) or len(outcomes) != len(rows):
            told = f"{len(outcomes)} outcomes" if isinstance(outcomes, list) else f"a {type(outcomes).__name__}"
            raise _impossible(self.owner, "process()", f"{told} for {len(rows)} rows")
        for row, outcome in zip(rows, outcomes, strict=True):
            problem = _outcome_problem(row, outcome)
            if problem:
                raise _impossible(self.owner, "process()", f"for {row.where}: {problem}")
        return outcomes

    def _outcomes(self, rows: Sequence[Example], context: StageContext) -> Any:
        with contained(self.owner, "process()"):
            found = self.operator.process(deepcopy(list(rows)), context)
            return list(found) if isinstance(found, Sequence | Iterator) and not isinstance(found, str) else found

    def _refuse_signature(self, rows: Sequence[Example], context: StageContext) -> None:
        try:
            inspect.signature(self.operator.process).bind(rows, context)
        except TypeError as error:
            raise _impossible(self.owner, "process()", f"it does not take rows and a context: {error}") from error

    def _refuse_on_every_row(self, rows: Sequence[Example], context: StageContext, error: Exception) -> None:
        """Raise where no single row passes either: then it is the operator that is at fault."""
        if len(rows) < SEVERAL:
            return
        for row in rows:
            try:
                self._outcomes([row], context)
            except FtctlError:
                raise
            except Exception as other:
                if type(other) is not type(error):
                    return
            else:
                return
        last = traceback.extract_tb(error.__traceback__)[-1]
        # its message may quote a row
        text = f"{self.owner} failed in process() on each of {len(rows)} rows: {type(error).__name__}"
        raise PluginBroken(f"{text} in {Path(last.filename).name}, line {last.lineno}", next_step=ADVICE) from error


@define
class ForeignSetOperator(_Foreign, SetOperator):
    """Operator on all rows of another distribution."""

    width: int = field(init=False)  # type: ignore[misc]

    def __attrs_post_init__(self) -> None:
        self.width = self.operator.width
        if not isinstance(self.width, int) or self.width < 1:
            raise _impossible(self.owner, "width", f"{self.width!r} bytes")

    @property
    def keeps_together(self) -> bool:
        return bool(self.operator.keeps_together)

    def keys(self, rows: Sequence[Example]) -> bytes:
        with foreign(self.owner, "keys()"):
            found = self.operator.keys(deepcopy(list(rows)))
        if not isinstance(found, bytes | bytearray) or len(found) != self.width * len(rows):
            raise _impossible(self.owner, "keys()", f"it must be {self.width} bytes for each of {len(rows)} rows")
        return bytes(found)

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        count, place = keys.stat().st_size // self.width, 0
        with foreign(self.owner, "decide()"):
            fates = self.operator.decide(keys, context)
        for place, fate in enumerate(each(fates, self.owner, "decide()"), 1):
            problem = _fate_problem(fate, count)
            if problem or place > count:
                raise _impossible(self.owner, "decide()", problem or f"more than one decision for each of {count} rows")
            yield fate
        if place != count:
            raise _impossible(self.owner, "decide()", f"{place} decisions on {count} rows")


@define
class ForeignSplitOperator(_Foreign, SplitOperator):
    """Operator that assigns splits, of another distribution."""

    def place(self, key: str, context: StageContext) -> str:
        with foreign(self.owner, "place()"):
            found = self.operator.place(key, context)
        if found not in SPLITS:
            raise _impossible(self.owner, "place()", f"{found!r} is none of {', '.join(SPLITS)}")
        return str(found)

    def wanted(self, context: StageContext) -> Sequence[str]:
        with foreign(self.owner, "wanted()"):
            return [split for split in self.operator.wanted(context) if split in SPLITS]

    def asked_shares(self, context: StageContext) -> Mapping[str, float]:
        with foreign(self.owner, "asked_shares()"):
            found = dict(self.operator.asked_shares(context))
        if not all(split in SPLITS and isinstance(share, int | float) and 0 <= share <= 1
                   for split, share in found.items()):  # fmt: skip
            raise _impossible(self.owner, "asked_shares()", f"{found!r}")
        return found


@define
class ForeignSealOperator(_Foreign, SealOperator):
    """Operator that encrypts, of another distribution."""

    def sealing(self, file: BinaryIO) -> BinaryIO:
        with foreign(self.owner, "sealing()"):
            return _stream(self.operator.sealing(file), "write", self.owner, "sealing()")

    def opening(self, file: BinaryIO) -> BinaryIO:
        with foreign(self.owner, "opening()"):
            return _stream(self.operator.opening(file), "read", self.owner, "opening()")


KINDS: dict[type, Any] = {
    RowOperator: ForeignRowOperator,
    SetOperator: ForeignSetOperator,
    SplitOperator: ForeignSplitOperator,
    SealOperator: ForeignSealOperator,
}


def _stream(found: Any, method: str, owner: str, phase: str) -> BinaryIO:
    if not callable(getattr(found, method, None)) or not callable(getattr(found, "close", None)):
        raise _impossible(owner, phase, f"a {type(found).__name__} is no stream")
    return found  # type: ignore[no-any-return]


def _impossible(owner: str, phase: str, problem: str) -> PluginBroken:
    return PluginBroken(f"{owner}: {phase} returned something impossible: {problem}", next_step=ADVICE)


def _row_problem(row: Any) -> str:
    if isinstance(row, Rejection):
        return "" if row.where and row.reason else "is a rejection without a place or a reason"
    return _example_problem(row)


def _example_problem(row: Any) -> str:
    if not isinstance(row, Example):
        return f"is a {type(row).__name__}, no Example and no Rejection"
    if not isinstance(row.where, str) or not row.where:
        return "does not say where it stands"
    if bool(row.messages) == bool(row.text):
        return "must have either messages or text"
    if not all(isinstance(turn.content, str) for turn in (*row.messages, *row.rejected)) or not isinstance(
        row.text, str
    ):
        return "has a content that is no text"
    try:
        Example.from_row(json.loads(json.dumps(row.to_row())))
    except Exception as error:
        return f"cannot be stored: {type(error).__name__}: {error}"
    return ""


def _outcome_problem(row: Example, outcome: Any) -> str:
    if isinstance(outcome, Dropped):
        good = outcome.state in DROPPED and isinstance(outcome.reason, str) and outcome.reason
        return "" if good else f"dropped without a state of {', '.join(DROPPED)} and a reason"
    after = outcome.example if isinstance(outcome, Derived) else outcome
    if not isinstance(after, Example):
        return f"a {type(outcome).__name__} is no Example, Dropped or Derived"
    if (after.where, after.group, after.parents) != (row.where, row.group, row.parents):
        return f"another place, group or parents: {after.where}"
    made = outcome.made if isinstance(outcome, Derived) else ()
    return next(filter(None, (f"it {text}" for text in map(_example_problem, (after, *made)) if text)), "")


def _fate_problem(fate: Any, count: int) -> str:
    if not isinstance(fate, Fate):
        return f"a {type(fate).__name__} is no Fate"
    if fate.state and (fate.state not in DROPPED or not fate.reason):
        return f"dropped without a state of {', '.join(DROPPED)} and a reason"
    good = fate.first is None or (isinstance(fate.first, int) and 0 <= fate.first < count)
    return "" if good else f"row {fate.first!r} is not there"
