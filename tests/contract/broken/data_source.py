"""Data sources."""

import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message, Rejection
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl.testing.contracts import (
    DataSourceContract,
)
from ftctl.testing.fakes import FakeDataSource
from tests.contract.broken.base import Broken


class Source(Broken, DataSourceContract):
    @pytest.fixture
    def absent(self) -> dict[str, Any]:
        return {"rows": 0}

    @pytest.fixture
    def changed(self) -> Callable[[], None]:
        def change() -> None:
            GoodSource.edition += 1

        return change


class GoodSource(FakeDataSource):
    """The fake, for which no rows are an absent source, and whose rows have editions."""

    edition: ClassVar[int] = 1

    def fingerprint(self) -> str:
        if not self._options.rows:
            raise DataSourceError("nothing there")
        return f"{super().fingerprint()} {self.edition}"


class Shuffled(GoodSource):
    turn = 0

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        rows = list(super().examples(context))
        Shuffled.turn += 1
        yield from rows if Shuffled.turn % 2 else reversed(rows)


class Twins(GoodSource):
    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        for row in super().examples(context):
            yield evolve(row, where="somewhere")


class Kings(GoodSource):
    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        for row in super().examples(context):
            assert isinstance(row, Example)
            yield evolve(row, messages=(Message("king", "x"), *row.messages[1:]))  # type: ignore[arg-type]


class Restless(GoodSource):
    count = 0

    def fingerprint(self) -> str:
        Restless.count += 1
        return super().fingerprint() + str(Restless.count)


class Leaky(GoodSource):
    kept: ClassVar[list[Any]] = []

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        stream = Path(__file__).open()  # noqa: SIM115 # left open on purpose
        yield from super().examples(context)
        stream.close()


class Quiet(GoodSource):
    def fingerprint(self) -> str:
        return f"never absent {self.edition}"


class Stale(GoodSource):
    def fingerprint(self) -> str:
        super().fingerprint()
        return "always the same"


class Dated(GoodSource):
    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        for row in super().examples(context):
            assert isinstance(row, Example)
            yield evolve(row, metadata={"day": date(2026, 1, 1)})


class Calling(GoodSource):
    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        socket.getaddrinfo("localhost", 80)
        yield from super().examples(context)


class Test_rows_come_in_the_same_order_every_time(Source):
    kind = "Shuffled"


class Test_every_row_is_an_example_or_a_rejection_with_its_place(Source):
    kind = "Twins"


class Test_every_example_is_canonical(Source):
    kind = "Kings"


class Test_every_example_is_canonical__dated(Source):
    kind = "Dated"


class Test_its_fingerprint_is_a_short_text_that_stays(Source):
    kind = "Restless"


class Test_its_fingerprint_changes_with_its_rows(Source):
    kind = "Stale"


class Test_whoever_stops_reading_leaves_nothing_open(Source):
    kind = "Leaky"


class Test_what_is_absent_is_the_ports_error(Source):
    kind = "Quiet"


class Test_no_other_machine_is_asked(Source):
    kind = "Calling"


class Tidy(GoodSource):
    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        for row in super().examples(context):
            assert isinstance(row, Example)
            yield evolve(row, text=row.text.strip())


class Test_any_text_survives(Source):
    kind = "Tidy"

    @pytest.fixture
    def holding(self) -> Callable[[Sequence[str]], dict[str, Any]]:
        return lambda texts: {"texts": list(texts)}
