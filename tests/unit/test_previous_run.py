"""Metrics of an earlier run: found by the run's name or its beginning, for the model that is meant."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftctl.application.previous_run import measured_in
from ftctl.application.run_result import RunResult
from ftctl.domain.artifact import Draft, Lineage
from ftctl.domain.codec import to_plain
from ftctl.domain.metric import mean_metric
from ftctl.errors import UsageError
from ftctl.testing.fakes.artifact_store import FakeArtifactStore
from ftctl.testing.fakes.run_journal import FakeRunJournals


@pytest.fixture
def app(tmp_path: Path) -> Any:
    """The ports that are asked: a store and journals, with one run that measured a base and a tuned model."""
    app = SimpleNamespace(store=FakeArtifactStore(tmp_path / "store"), journals=FakeRunJournals(tmp_path))
    add_run(app, "20260101-aaaa", {"base": 0.25, "tuned": 0.75}, data="dataset/d1")
    return app


def add_run(app: Any, name: str, found: dict[str, float], data: str | None) -> None:
    stages: list[dict[str, Any]] = [{"name": "data", "plugin": "steps", "status": "done", "artifact": data}]
    metrics = {}
    for subject, value in found.items():
        metrics[subject] = {
            "exact_match": to_plain(mean_metric("exact_match", [value] * 4, unit="share", direction="higher"))
        }
        stage = {"base": "baseline", "tuned": "evaluate", "served": "evaluate-served"}[subject]
        folder = app.store.root / f"{name}-{subject}"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(f"{name} {subject}")
        made = app.store.commit(folder, Draft("evaluation", "json", {}), Lineage())
        stages.append(stages[0] | {"name": stage, "artifact": f"{made.kind}/{made.digest}"})
    app.journals.open(name).write("run.json", RunResult(name, "done", stages).document() | {"metrics": metrics})


@pytest.mark.parametrize(
    ("reference", "value"),
    [("20260101-aaaa", 0.75), ("2026", 0.75), ("20260101-aaaa:base", 0.25), ("20260101-aaaa:tuned", 0.75)],
)
def test_the_tuned_model_is_meant_unless_another_is_named(app: Any, reference: str, value: float) -> None:
    found = measured_in(app, reference)
    assert found.metrics["exact_match"].value == value
    subject = "base" if value == 0.25 else "tuned"
    assert (Path(found.folder) / "metrics.json").read_text() == f"20260101-aaaa {subject}"
    assert found.data == "d1"


def test_without_a_tuned_model_the_served_one_is_meant_and_data_may_be_missing(app: Any) -> None:
    add_run(app, "20260102-bbbb", {"served": 0.5}, data=None)
    found = measured_in(app, "20260102")
    assert found.metrics["exact_match"].value == 0.5
    assert found.data == ""


def test_a_whole_name_wins_over_those_that_begin_with_it(app: Any) -> None:
    add_run(app, "2026", {"tuned": 0.125}, data=None)
    assert measured_in(app, "2026").metrics["exact_match"].value == 0.125


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("1999", "run 1999: no such run"),
        ("2026", "run 2026: 2 runs match this prefix"),
        ("20260101-aaaa:served", "run 20260101-aaaa: its served model was not measured"),
    ],
)
def test_what_is_not_there_is_told(app: Any, reference: str, said: str) -> None:
    add_run(app, "20260103-cccc", {"tuned": 0.5}, data=None)
    with pytest.raises(UsageError) as caught:
        measured_in(app, reference)
    assert caught.value.what == said
