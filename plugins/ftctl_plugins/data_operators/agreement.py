"""``agreement``: measure agreement of annotators beyond chance."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ftctl.domain import Example, Fate
from ftctl.domain.event import DATA_DESCRIBED, WARNING_RAISED
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, SetOperator, StageContext
from ftctl_adapters.records.annotations import annotations

RATERS = 16
"""Of one row."""

LEVELS = ("nominal", "ordinal", "interval", "ratio")


@options
class AgreementOptions:
    """Options of `AgreementStep`."""

    question: str = option(help="Annotation to compare: the `name` in `metadata.annotations`.")
    metric: str = option("alpha", help="Krippendorff's, Cohen's or Fleiss'.", choices=("alpha", "cohen", "fleiss"))
    level: str = option(
        "nominal", help="Measurement level of `alpha`: nominal, ordinal, interval or ratio.", choices=LEVELS
    )
    minimum: float = option(0.67, help="Below it, or where it is undefined, `on_low` happens.", ge=-1, le=1)
    on_low: str = option("warn", help="Say so, or end the run.", choices=("warn", "fail"))
    bootstrap: int = option(1000, help="Samples for the interval; 0: none.", ge=0)


class AgreementStep(SetOperator):
    """Passes every row; reports the coefficient with its interval, or why it is undefined."""

    width: ClassVar[int] = RATERS * 16

    def __init__(self, options: AgreementOptions) -> None:
        self._options = options

    def keys(self, rows: Sequence[Example]) -> bytes:
        return b"".join(map(self._key, rows))

    def _key(self, row: Example) -> bytes:
        """Return rater and label as two numbers each."""
        said = [one for one in annotations(row) if one.get("name") == self._options.question]
        if len(said) > RATERS:
            raise DataOperatorError(f"agreement: {row.where} has {len(said)} annotations; {RATERS} are compared")
        told = b"".join(_hashed(one.get("by")) + self._value(one.get("value"), row) for one in said)
        return told.ljust(self.width, b"\0")

    def _value(self, value: Any, row: Example) -> bytes:
        import numpy as np

        if self._options.level == "nominal":
            # 48 bits are whole numbers in a float
            code = int.from_bytes(_hashed(value)[:6], "big")
            return np.float64(code).tobytes()
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataOperatorError(f"agreement: {row.where}: a value is no number", next_step="level: nominal")
        return np.float64(value).tobytes()

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        import numpy as np

        from ftctl_adapters.statistics.agreement import agreement

        asked = self._options
        content = np.frombuffer(keys.read_bytes(), np.dtype([("by", "<u8"), ("value", "<f8")])).reshape(-1, RATERS)
        found = agreement(_matrix(content), asked.metric, asked.level, asked.bootstrap)
        said = found.undefined or f"{found.value:.3f}"
        if not content["by"].any():
            said = "no row has an annotation of this name"
        interval = "" if found.low is None else f" (95 %: {found.low:.3f} to {found.high:.3f})"
        text = f"{asked.metric} of {asked.question!r} over {found.items} items: {said}{interval}"
        context.emit(DATA_DESCRIBED, note=text)
        if found.value is None or found.value < asked.minimum:
            if asked.on_low == "fail":
                raise DataOperatorError(f"agreement: {text}; at least {asked.minimum} is asked for",
                                        next_step="look at the guideline of the annotators")  # fmt: skip
            context.emit(WARNING_RAISED, message=f"{text}; less than {asked.minimum}")
        return (Fate() for _ in range(len(content)))


def _matrix(content: Any) -> Any:
    """Return (items, raters) float64; of two answers of one rater to one item the last counts."""
    import numpy as np

    raters, codes = np.unique(content["by"], return_inverse=True)
    matrix = np.full((len(content), len(raters)), np.nan)
    places = np.repeat(np.arange(len(content)), RATERS)
    matrix[places, codes.reshape(-1)] = content["value"].reshape(-1)
    return matrix[:, raters != 0]


def _hashed(value: Any) -> bytes:
    """Eight bytes that are never all zero."""
    return hashlib.blake2b(repr(value).encode(), digest_size=7).digest() + b"\1"
