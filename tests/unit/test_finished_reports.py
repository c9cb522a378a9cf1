"""A stage of many evaluators goes on with the one that it was at."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.application.run import run
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.errors import DataChanged, PluginBroken
from ftctl.ports.evaluator import EvaluatorError
from ftctl.testing.fakes.evaluator import FakeComparer, FakeEvaluator, FakeReader
from ftctl.worker.finished_reports import Finished
from tests.unit.test_metrics import DATA
from tests.unit.test_resolve import FAKE
from tests.unit.test_run import go, statuses

METRIC = mean_metric("right", [1.0, 0.0], unit="share", direction="higher")


def writing(name: str) -> Callable[[Path], Report]:
    """Measures, and writes a file."""

    def measure(out: Path) -> Report:
        (out / name).write_text("told")
        return Report("one", (METRIC,), ({"where": "a:1", "right": 1.0},), {"one": "a note"})

    return measure


def fails(out: Path) -> Report:
    (out / "half").write_text("told")
    raise EvaluatorError("on purpose")


def test_what_was_told_once_is_not_asked_again(tmp_path: Path) -> None:
    told = Finished(tmp_path).report("one", writing("file"))
    assert told == writing("file")(tmp_path)
    assert Finished(tmp_path).report("one", fails) == told


def test_a_report_that_lacks_answers_is_told_and_not_kept(tmp_path: Path) -> None:
    lossy = Report("one", (METRIC,), ({"where": "a:1", "error": "status 500"},))
    assert Finished(tmp_path).report("one", lambda out: lossy) == lossy
    assert Finished(tmp_path).report("one", writing("file")).records[0]["right"] == 1.0


def test_what_was_measured_on_another_file_than_the_planned_one_is_not_kept(
    fake_app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("planned")
    document = {**FAKE, "evaluators": [{"use": "fake-reads", "path": str(tmp_path / "file")}, "fake-compares"]}
    plan = make_plan(fake_app, resolve(document, fake_app.registry, fake_app.environments))
    measured: list[str] = []
    plain = FakeReader.evaluate

    def reading(self: FakeReader, *given: object) -> Report:
        measured.append(self.fingerprint())
        return plain(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeReader, "evaluate", reading)
    (tmp_path / "file").write_text("another")
    with pytest.raises(DataChanged):
        run(fake_app, plan, once=True, on_ready=lambda result: None)
    (tmp_path / "file").write_text("planned")
    go(fake_app, document)
    assert measured == ["another", "planned", "planned"], "once of the base, and once of what was tuned"


def test_no_rows_of_an_encrypted_data_set_are_kept_for_another_try(
    fake_app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Report:
        raise EvaluatorError("on purpose")

    monkeypatch.setattr("ftctl.worker.evaluation.read_split", lambda *_: DATA)
    monkeypatch.setattr(FakeComparer, "evaluate", fails)
    document = {**FAKE, "data_steps": ["fake-seal"], "evaluators": ["fake", "fake-compares"]}
    with pytest.raises(EvaluatorError):
        go(fake_app, document)
    assert not list(tmp_path.rglob("report.json"))


def test_who_was_not_done_begins_with_no_files(tmp_path: Path) -> None:
    finished, out = Finished(tmp_path / "work"), tmp_path / "out"
    out.mkdir()
    with pytest.raises(EvaluatorError):
        finished.report("one", fails)
    finished.report("one", writing("whole"))
    finished.copy("one", out)
    assert [path.name for path in out.iterdir()] == ["whole"]


def test_a_file_of_two_evaluators_is_refused(tmp_path: Path) -> None:
    finished, out = Finished(tmp_path / "work"), tmp_path / "out"
    out.mkdir()
    for name in ("one", "other"):
        finished.report(name, writing("file"))
    finished.copy("one", out)
    with pytest.raises(PluginBroken, match="two evaluators wrote file"):
        finished.copy("other", out)


def test_a_run_measures_again_by_those_alone_that_were_not_done(
    fake_app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("a")
    document = {**FAKE, "evaluators": [{"use": "fake-reads", "path": str(tmp_path / "file")}, "fake-compares"]}
    measured: Counter[str] = Counter()
    plain, broken = FakeEvaluator.evaluate, {"once": True}

    def counting(self: FakeEvaluator, *given: object) -> Report:
        measured[type(self).__name__] += 1
        if type(self) is not FakeReader and broken.pop("once", False):
            raise EvaluatorError("on purpose")
        return plain(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeEvaluator, "evaluate", counting)
    with pytest.raises(EvaluatorError):
        go(fake_app, document)
    assert measured["FakeReader"] == 1
    assert statuses(go(fake_app, document))["evaluate"] == "done"
    # once of the base and once of what was tuned, each in its own stage
    assert measured["FakeReader"] == 2
