"""A stage of many evaluators goes on with the one that it was at."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.application.app import App
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.errors import PluginBroken
from ftctl.ports.evaluator import EvaluatorError
from ftctl.testing.fakes.evaluator import FakeEvaluator, FakeReader
from ftctl.worker.finished import Finished
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
