"""Contract of data sources."""

import gc
import itertools
import json
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from ftctl.domain.example import ROLES, Example, Rejection
from ftctl.plugin.capabilities import NETWORK
from ftctl.plugin.offer import Offer
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSource, DataSourceError
from ftctl.testing.contracts.network_guard import only_loopback
from ftctl.testing.contracts.offer import OfferContract, make
from ftctl.testing.contracts.stage import recording

TEXTS = (
    *("two\nlines", "Windows\r\nlines", "a tab\there", "  spaces around  ", "\u2028 other \u2029 lines \x85"),
    *('"quotes" and \\ backslashes', "a, comma; 'and more", "你好,世界", "naïve 😀 \U0001f469\u200d\U0001f467"),
    *("שלום \u200fabc", "e\u0301 and é"),
)
"""What sources have been seen to lose."""


class DataSourceContract(OfferContract, contract=True):
    """Contract of data sources; ``values`` must give at least two rows, ``absent`` nothing readable."""

    port: ClassVar[str] = "data_source"
    base: ClassVar[type] = DataSource

    @pytest.fixture
    def absent(self) -> dict[str, Any] | None:
        """Options that name a missing source; ``None`` if it always exists."""
        return None

    @pytest.fixture
    def changed(self) -> Callable[[], None] | None:
        """Function that changes the rows of ``values``; ``None`` if they never change."""
        return None

    @pytest.fixture
    def holding(self) -> Callable[[Sequence[str]], dict[str, Any]] | None:
        """Function that puts each text into a row, and returns the options of that source; ``None`` if impossible."""
        return None

    @pytest.fixture
    def context(self, tmp_path: Any) -> StageContext:
        """Context of a stage that records its events."""
        return recording(tmp_path, data_seed=7)

    @pytest.fixture
    def used(self, found: Offer, values: dict[str, Any], context: StageContext) -> Callable[[], object]:
        """Function that reads the source."""
        return lambda: _read(found, values, context)

    def test_rows_come_in_the_same_order_every_time(
        self, found: Offer, values: dict[str, Any], context: StageContext
    ) -> None:
        one = make(found, values)
        first = list(one.examples(context))
        assert len(first) >= 2, "a contract needs at least two rows"
        assert list(one.examples(context)) == first, "the same source tells other rows the second time"
        assert list(make(found, values).examples(context)) == first, "another source tells other rows"

    def test_every_row_is_an_example_or_a_rejection_with_its_place(
        self, made: DataSource, context: StageContext
    ) -> None:
        rows = list(made.examples(context))
        assert all(isinstance(row, Example | Rejection) for row in rows)
        places = [row.where for row in rows]
        assert all(places), "a row does not say where it stands"
        assert len(set(places)) == len(places), "two rows claim one place"
        assert all(row.reason for row in rows if isinstance(row, Rejection)), "a rejection has no reason"

    def test_every_example_is_canonical(self, made: DataSource, context: StageContext) -> None:
        for row in made.examples(context):
            if isinstance(row, Example):
                assert bool(row.messages) != bool(row.text), f"{row.where}: either messages or text"
                assert all(message.role in ROLES for message in row.messages), row.where
                assert all(isinstance(message.content, str) for message in row.messages), row.where
                assert Example.from_row(json.loads(json.dumps(row.to_row()))) == row, (
                    f"{row.where} does not survive JSON"
                )

    def test_any_text_survives(
        self, found: Offer, holding: Callable[[Sequence[str]], dict[str, Any]] | None, context: StageContext
    ) -> None:
        if holding is None:
            pytest.skip("no text can be put in")
        rows = list(make(found, holding(TEXTS)).examples(context))
        told = {text for row in rows if isinstance(row, Example) for text in (row.text, *_contents(row))}
        lost = [text for text in TEXTS if text not in told]
        assert not lost, f"lost or changed: {lost}"

    def test_its_fingerprint_is_a_short_text_that_stays(self, found: Offer, values: dict[str, Any]) -> None:
        first = make(found, values).fingerprint()
        assert isinstance(first, str)
        assert 0 < len(first) <= 256
        assert make(found, values).fingerprint() == first

    def test_its_fingerprint_changes_with_its_rows(
        self, found: Offer, values: dict[str, Any], changed: Callable[[], None] | None
    ) -> None:
        if changed is None:
            pytest.skip("its rows never change")
        before = make(found, values).fingerprint()
        changed()
        assert make(found, values).fingerprint() != before, "stale rows would be taken for fresh ones"

    def test_whoever_stops_reading_leaves_nothing_open(
        self, found: Offer, values: dict[str, Any], context: StageContext
    ) -> None:
        gc.collect()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always", ResourceWarning)
            source = make(found, values)
            rows = iter(source.examples(context))
            assert len(list(itertools.islice(rows, 1))) == 1
            del rows, source
            gc.collect()
        leaks = [str(one.message) for one in seen if issubclass(one.category, ResourceWarning)]
        assert not leaks, leaks

    def test_what_is_absent_is_the_ports_error(
        self, found: Offer, absent: dict[str, Any] | None, context: StageContext
    ) -> None:
        if absent is None:
            pytest.skip("there is always something to read")
        with pytest.raises(DataSourceError) as caught:
            _read(found, absent, context)
        assert caught.value.what
        assert "\n" not in caught.value.what

    def test_no_other_machine_is_asked(
        self, found: Offer, values: dict[str, Any], context: StageContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if NETWORK in found.capabilities:
            pytest.skip("it declares that it uses the network")
        only_loopback(monkeypatch)
        _read(found, values, context)


def _contents(row: Example) -> list[str]:
    return [message.content for message in row.messages]


def _read(found: Offer, values: dict[str, Any], context: StageContext) -> None:
    source = make(found, values)
    source.fingerprint()
    list(source.examples(context))
