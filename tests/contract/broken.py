"""One backend for each test of a contract, broken in that one way; run by test_broken.py, not by itself.

A class is called after the test that it must fail.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import define, evolve

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.event import KINDS, Event
from ftctl.domain.example import Example, Message, Rejection
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.domain.report import Report
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import Need, Offer, option, options
from ftctl.plugin.registry import Registry
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl.ports.target import Target
from ftctl.testing.contracts import (
    CompressorContract,
    DataSourceContract,
    EvaluatorContract,
    MonitorContract,
    ServerContract,
)
from ftctl.testing.fakes import FakeCompressor, FakeDataSource, FakeEvaluator, FakeMonitor, FakeServer, FakeTarget
from ftctl.testing.offers import ftctl_offers
from tests.contract.models import fake_model

HERE = "tests.contract.broken"


class Only(Registry):
    """Knows one offer."""

    def __init__(self, offer: Offer) -> None:
        super().__init__(lambda: ())
        self._offer = offer

    def find(self, port: str, name: str) -> Offer:
        return self._offer


class Broken:
    """The fake of the port, with something else in the place of a part; ``change`` is for the offer."""

    kind: ClassVar[str] = ""
    change: ClassVar[dict[str, Any]] = {}
    port: ClassVar[str]

    @pytest.fixture
    def offer(self) -> str:
        return "fake"

    @pytest.fixture
    def registry(self) -> Registry:
        usual = next(one for one in ftctl_offers() if (one.port, one.name) == (self.port, "fake"))
        factory = {"factory": f"{HERE}:{self.kind}"} if self.kind else {}
        return Only(evolve(usual, **factory, **self.change))

    @pytest.fixture
    def manifest(self) -> str:
        return "ftctl.testing.offers"


class Source(Broken, DataSourceContract):
    @pytest.fixture
    def absent(self) -> dict[str, Any]:
        return {"rows": 0}

    @pytest.fixture
    def changed(self) -> Callable[[], None]:
        def change() -> None:
            GoodSource.edition += 1

        return change


class Measure(Broken, EvaluatorContract):
    @pytest.fixture
    def worst(self) -> Target:
        return FakeTarget(right=False)


class Watch(Broken, MonitorContract):
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path_factory.mktemp("here"))


class GoodSource(FakeDataSource):
    """The fake, for which no rows are an absent source, and whose rows have editions."""

    edition: ClassVar[int] = 1

    def fingerprint(self) -> str:
        if not self._options.rows:
            raise DataSourceError("nothing there")
        return f"{super().fingerprint()} {self.edition}"


# --- the offer -----------------------------------------------------------------------------------------------------


@options
class Silent:
    fails_at: str = option("", help=" ")


@options
class Mistyped:
    fails_at: int = option("", help="Says a whole number, and is a text.")


@options
class Greedy:
    fails_at: str = option("", help="Nothing.")
    no_such_option: int = option(0, help="Takes the name of what is unknown.")


@define(kw_only=True)
class Soft:
    fails_at: str = option("", help="Can be changed afterwards.")


class Hungry(FakeMonitor):
    def __init__(self, options: Any) -> None:
        import numpy  # noqa: F401

        super().__init__(options)


class Loud(FakeMonitor):
    def __init__(self, options: Any) -> None:
        print("hello")
        super().__init__(options)


class Test_it_has_a_name_and_says_what_it_is_in_a_line(Watch):
    change: ClassVar[dict[str, Any]] = {"summary": " "}


class Test_its_paths_lead_to_a_backend_of_its_port(Watch):
    kind = "Anything"


class Anything:
    """Does what a monitor does, and is none."""

    def __init__(self, options: Any) -> None:
        self._fake = FakeMonitor(options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fake, name)


class Test_its_options_are_frozen_and_each_has_help(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Silent"}


class Test_its_options_survive_json(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Mistyped"}


class Test_an_unknown_option_is_refused_with_its_path(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Greedy"}


class Test_a_missing_dependency_is_told_with_its_remedy(Watch):
    change: ClassVar[dict[str, Any]] = {"needs": (Need("nosuchmodule", ""),)}


class Test_its_manifest_is_light(Watch):
    @pytest.fixture
    def manifest(self) -> str:
        return "tests.contract.heavy_manifest"


class Test_it_can_be_made_without_what_it_needs_and_prints_nothing(Watch):
    kind = "Loud"


class Test_it_can_be_made_without_what_it_needs_and_prints_nothing__heavy(Watch):
    kind = "Hungry"


class Test_its_options_are_frozen_and_each_has_help__mutable(Watch):
    change: ClassVar[dict[str, Any]] = {"options": f"{HERE}:Soft"}


# --- data sources --------------------------------------------------------------------------------------------------


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


# --- evaluators ----------------------------------------------------------------------------------------------------


class Changed(FakeEvaluator):
    """The fake, its report changed."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        return self.changed(super().evaluate(target, data, context))

    def changed(self, report: Report) -> Report:
        return report


class Unitless(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, metrics=tuple(evolve(one, unit="") for one in report.metrics))


class Percent(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, metrics=tuple(evolve(one, value=100 * one.value) for one in report.metrics))


class Flat(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, metrics=tuple(evolve(one, value=0.5) for one in report.metrics))


class Moody(Changed):
    turn = 0

    def changed(self, report: Report) -> Report:
        Moody.turn += 1
        return evolve(report, notes={"turn": str(Moody.turn)})


class Forgetful(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, records=report.records[1:])


class Tupled(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, records=tuple({**record, "pair": (1, 2)} for record in report.records))


class Test_every_metric_says_what_it_is(Measure):
    kind = "Unitless"


class Test_shares_stay_between_nothing_and_all(Measure):
    kind = "Percent"


class Test_the_best_target_is_better_and_the_worst_is_nowhere_better(Measure):
    kind = "Flat"


class Test_the_same_answers_give_the_same_figures(Measure):
    kind = "Moody"


class Test_every_example_that_was_measured_has_a_record(Measure):
    kind = "Forgetful"


class Test_the_report_survives_json(Measure):
    kind = "Tupled"


# --- monitors ------------------------------------------------------------------------------------------------------


class Choosy(FakeMonitor):
    def close(self) -> None:
        if any(event.kind == KINDS[-1] for event in self.seen):
            raise ValueError(f"{KINDS[-1]} is too much")
        super().close()


class Strict(FakeMonitor):
    def emit(self, event: Event) -> None:
        if event.kind not in KINDS:
            raise ValueError(event.kind)
        super().emit(event)


class Once(FakeMonitor):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise ValueError("closed twice")
        self.closed = True
        super().close()


class Chatty(FakeMonitor):
    def emit(self, event: Event) -> None:
        os.write(1, b"event\n")
        super().emit(event)


class Anew(FakeMonitor):
    """Begins its file again whenever it is opened."""

    def open(self, run_id: str, folder: Path) -> None:
        super().open(run_id, folder)
        (folder / "fake-monitor.txt").write_text("")


class Late(FakeMonitor):
    """Writes when it is forgotten, not when it is closed."""

    def close(self) -> None:
        pass

    def __del__(self) -> None:
        super().close()


class Strewing(FakeMonitor):
    def emit(self, event: Event) -> None:
        Path("here.txt").write_text("x")
        super().emit(event)


class Test_it_takes_every_kind_of_event(Watch):
    kind = "Choosy"


class Test_a_kind_that_it_does_not_know_changes_nothing(Watch):
    kind = "Strict"


class Test_closing_is_possible_at_any_time_and_twice(Watch):
    kind = "Once"


class Test_it_says_nothing_on_standard_output(Watch):
    kind = "Chatty"


class Test_what_was_recorded_is_there_when_it_is_closed_and_stays_when_it_goes_on(Watch):
    kind = "Anew"


class Test_what_was_recorded_is_there_when_it_is_closed_and_stays_when_it_goes_on__late(Watch):
    kind = "Late"


class Test_it_writes_nowhere_but_in_its_folder(Watch):
    kind = "Strewing"


# --- compressors ---------------------------------------------------------------------------------------------------


class Press(Broken, CompressorContract):
    @pytest.fixture
    def model(self, tmp_path: Path) -> Artifact:
        return fake_model(tmp_path)


class Hasty(FakeCompressor):
    def supports(self, shape: ModelShape) -> Verdict:
        import nosuchmodule  # noqa: F401

        return super().supports(shape)


class Careless(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        Path(model.path, "base.txt").write_text("mine now")
        return super().compress(model, calibration, context)


class Mislabelled(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        draft = super().compress(model, calibration, context)
        return evolve(draft, format="zip") if calibration else draft


class Losing(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        draft = super().compress(model, calibration, context)
        (context.out / "chat_template.jinja").unlink()
        return draft


class Needy(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        assert calibration[0].messages
        return super().compress(model, calibration, context)


class Test_what_it_supports_is_said_without_its_backend(Press):
    kind = "Hasty"


class Test_the_model_is_only_read(Press):
    kind = "Careless"


class Test_it_says_what_it_made(Press):
    kind = "Mislabelled"


class Test_what_belongs_to_the_model_goes_along(Press):
    kind = "Losing"


class Test_without_rows_it_does_without_or_says_so(Press):
    kind = "Needy"


# --- servers -------------------------------------------------------------------------------------------------------


class Serve(Broken, ServerContract):
    @pytest.fixture
    def model(self, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
        return fake_model(tmp_path_factory.mktemp("served"))


class Flawed(FakeServer):
    """The fake, started with a flaw."""

    flaw = ""

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        spec = super().launch(model, address, python)
        return evolve(spec, argv=(*spec.argv, "--flaw", self.flaw))


class Everywhere(FakeServer):
    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        return super().launch(model, evolve(address, host="0.0.0.0"), python)


class Homeless(FakeServer):
    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        spec = super().launch(model, address, python)
        return evolve(spec, argv=tuple(part for part in spec.argv if part not in ("--host", address.host)))


class Unlisted(Flawed):
    flaw = "no-models"


class Mute(Flawed):
    flaw = "empty"


class Stuttering(Flawed):
    flaw = "stream"


class Alone(Flawed):
    flaw = "single"


class Scribbling(FakeServer):
    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        Path(model.path, "cache").write_text("mine")
        return super().launch(model, address, python)


class Test_its_command_stays_on_the_address_that_it_was_given(Serve):
    kind = "Everywhere"


class Test_its_command_stays_on_the_address_that_it_was_given__unsaid(Serve):
    kind = "Homeless"


class Test_it_lists_the_model_by_the_name_that_requests_use(Serve):
    kind = "Unlisted"


class Test_it_answers_with_text(Serve):
    kind = "Mute"


class Test_pieces_of_a_stream_are_the_whole_answer(Serve):
    kind = "Stuttering"


class Test_eight_requests_at_once_are_all_answered(Serve):
    kind = "Alone"


class Test_the_model_is_only_read_while_it_is_served(Serve):
    kind = "Scribbling"
