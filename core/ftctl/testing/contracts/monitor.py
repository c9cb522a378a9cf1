"""Contract of monitors."""

import copy
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ftctl.domain.event import KINDS, METRIC_RECORDED, STAGE_STARTED, STEP_FINISHED, Event
from ftctl.plugin.offer import Offer
from ftctl.ports.monitor import Monitor
from ftctl.testing.contracts.offer import OfferContract, make
from ftctl.testing.events import sample_events

FEW = tuple(event for event in sample_events() if event.kind in (STAGE_STARTED, STEP_FINISHED, METRIC_RECORDED))
SECRETS, CANARY = ("HF_TOKEN", "OPENAI_API_KEY", "WANDB_API_KEY"), "a-canary-of-the-contract"
UNKNOWN = Event("SomethingOfLater", 9.0, "later", {"what": "nobody knows yet", "n": 1})


class MonitorContract(OfferContract, contract=True):
    """Contract of monitors, which get every kind of event."""

    port: ClassVar[str] = "monitor"
    base: ClassVar[type] = Monitor

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The run's folder."""
        (tmp_path / "run").mkdir()
        return tmp_path / "run"

    @pytest.fixture
    def recorded(self) -> Callable[[Path], dict[str, bytes]]:
        """Function that reads the monitor's files; override it if they do not only grow."""

        def read(folder: Path) -> dict[str, bytes]:
            files = (path for path in folder.rglob("*") if path.is_file())
            return {str(path.relative_to(folder)): path.read_bytes() for path in files}

        return read

    @pytest.fixture
    def used(self, found: Offer, values: dict[str, Any], folder: Path) -> Callable[[], object]:
        """Function that watches a run of few events."""

        def watch() -> None:
            monitor = make(found, values)
            monitor.open("run-1", folder)
            for event in FEW:
                monitor.emit(event)
            monitor.close()

        return watch

    def test_it_takes_every_kind_of_event(self, made: Monitor, folder: Path) -> None:
        made.open("run-1", folder)
        seen = set()
        for event in sample_events():
            made.emit(event)
            seen.add(event.kind)
        made.close()
        assert seen == set(KINDS), "the samples do not have every kind"

    def test_events_are_only_read(self, made: Monitor, folder: Path) -> None:
        made.open("run-1", folder)
        for sample in FEW:
            event = copy.deepcopy(sample)
            made.emit(event)
            assert event == sample
        made.close()

    def test_a_kind_that_it_does_not_know_changes_nothing(self, made: Monitor, folder: Path) -> None:
        made.open("run-1", folder)
        made.emit(UNKNOWN)
        made.close()

    def test_closing_is_possible_at_any_time_and_twice(
        self, found: Offer, values: dict[str, Any], folder: Path
    ) -> None:
        make(found, values).close()
        opened = make(found, values)
        opened.open("run-1", folder)
        opened.close()
        opened.close()

    def test_it_says_nothing_on_standard_output(
        self, made: Monitor, folder: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        made.open("run-1", folder)
        for event in FEW:
            made.emit(event)
        made.close()
        assert capfd.readouterr().out == "", "standard output belongs to --json"

    def test_what_was_recorded_is_there_when_it_is_closed_and_stays_when_it_goes_on(
        self, found: Offer, values: dict[str, Any], folder: Path, recorded: Callable[[Path], dict[str, bytes]]
    ) -> None:
        monitor = make(found, values)
        monitor.open("run-1", folder)
        for event in FEW:
            monitor.emit(event)
        monitor.close()
        closed = recorded(folder)
        del monitor
        gc.collect()
        assert recorded(folder) == closed, "something was written after it was closed"
        again = make(found, values)
        again.open("run-1", folder)
        again.close()
        after = recorded(folder)
        lost = [name for name, before in closed.items() if not after.get(name, b"").startswith(before)]
        assert not lost, f"what it had recorded is lost when the run goes on: {lost}"

    def test_it_writes_no_secret_down(
        self, found: Offer, values: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in SECRETS:
            monkeypatch.setenv(name, CANARY)
        monitor = make(found, values)
        monitor.open("run-1", folder)
        for event in FEW:
            monitor.emit(event)
        monitor.close()
        telling = [path.name for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
        assert not telling, f"a token of the environment stands in {telling}"

    def test_it_writes_nowhere_but_in_its_folder(
        self, made: Monitor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        before = {path.name for path in tmp_path.iterdir()}
        made.open("run-1", folder)
        for event in FEW:
            made.emit(event)
        made.close()
        assert list(elsewhere.iterdir()) == [], "it wrote into the folder of the command"
        assert {path.name for path in tmp_path.iterdir()} == before
