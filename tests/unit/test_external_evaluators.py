"""Evaluators with an environment of their own are a stage of their own, and what is measured is still one report."""

import json
import sys
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.application.app import App
from ftctl.application.chain import build_chain
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.application.run import run
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.report import Report
from ftctl.errors import ConfigInvalid, DataChanged
from ftctl.ports import StageContext
from ftctl.ports.evaluator import EvaluatorError
from ftctl.testing.fakes.evaluator import FakeEvaluator, FakeReader
from tests.unit.test_metrics import DATA
from tests.unit.test_resolve import FAKE
from tests.unit.test_run import go, statuses


@pytest.fixture
def app(fake_app: App) -> App:
    fake_app.environments.pythons["apart"] = Interpreter(sys.executable)  # type: ignore[attr-defined]
    return fake_app


def test_they_come_first_and_in_their_environment(app: App) -> None:
    spec = resolve({**FAKE, "evaluators": ["fake-apart", "fake"]}, app.registry, app.environments)
    stages = {stage.name: stage for stage in build_chain(spec, app.registry)}
    assert list(stages) == ["model", "data", "baseline.apart", "baseline", "tune", "evaluate.apart", "evaluate"]
    apart, whole = stages["evaluate.apart"], stages["evaluate"]
    assert (apart.environment, apart.plugin, apart.subject) == ("apart", "fake-apart", "tuned")
    assert (whole.environment, whole.plugin) == ("default", "fake")
    assert whole.inputs == {"model": "tune", "data": "data", "reports.apart": "evaluate.apart"}


def test_one_whose_program_lives_elsewhere_stays_beside_the_model_and_is_told_where(app: App) -> None:
    result = go(app, {**FAKE, "evaluators": ["fake-outside"]})
    names = [stage["name"] for stage in result.stages]
    assert not [name for name in names if "apart" in name]
    artifact = next(stage["artifact"] for stage in result.stages if stage["name"] == "evaluate")
    told = json.loads(Path(app.store.open(*artifact.split("/", 1)).path, "caller.json").read_text())
    assert told["notes"] == {"program": sys.executable}
    spec = resolve({**FAKE, "evaluators": ["fake-outside"]}, app.registry, app.environments)
    assert {stage.environment for stage in build_chain(spec, app.registry)} == {"default"}


def test_its_environment_must_be_there_before_anything_runs(fake_app: App) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        make_plan(fake_app, resolve({**FAKE, "evaluators": ["fake-outside"]}, fake_app.registry, fake_app.environments))
    assert "needs the environment 'apart'" in caught.value.details[0]


@pytest.mark.parametrize("evaluators", [["fake", "fake-apart"], ["fake-apart"]])
def test_what_is_measured_on_a_model_is_one_report(app: App, evaluators: list[str]) -> None:
    gate = {"metric": "read", "min_value": 0.5}
    result = go(app, {**FAKE, "evaluators": evaluators, "gates": [gate]})
    names = {"right", "read"} if "fake" in evaluators else {"read"}
    assert set(result.metrics["tuned"]) == set(result.metrics["base"]) == names
    artifact = next(stage["artifact"] for stage in result.stages if stage["name"] == "evaluate")
    folder = Path(app.store.open(*artifact.split("/", 1)).path)
    assert {path.name for path in folder.glob("reader*")} == {"reader.json", "reader.samples.jsonl", "reader.txt"}
    assert json.loads((folder / "reader.json").read_text())["metrics"][0]["name"] == "read"
    assert result.gates[0]["verdict"] == "pass"
    assert set(statuses(go(app, {**FAKE, "evaluators": evaluators, "gates": [gate]})).values()) == {"cached"}


def test_an_environment_that_is_not_there_is_named_before_anything_runs(fake_app: App) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        make_plan(fake_app, resolve({**FAKE, "evaluators": ["fake-apart"]}, fake_app.registry, fake_app.environments))
    assert "needs the environment 'apart'" in caught.value.details[0]


def test_where_a_model_can_only_be_loaded_elsewhere_they_are_refused(app: App) -> None:
    class Elsewhere(type(app.registry)):  # type: ignore[misc]
        def offers(self, port: str | None = None) -> list[object]:
            found = super().offers(port)
            return [evolve(one, environment="third") if one.port == "target_loader" else one for one in found]

    app.environments.pythons["third"] = Interpreter("/third/python")  # type: ignore[attr-defined]
    app.registry.__class__ = Elsewhere
    spec = resolve({**FAKE, "evaluators": ["fake-apart"]}, app.registry, app.environments)
    with pytest.raises(ConfigInvalid) as caught:
        make_plan(app, spec)
    assert "fake-apart lives in the environment 'apart', and not in 'third'" in caught.value.details[0]


def test_what_a_file_says_is_part_of_what_was_measured_and_not_its_place(app: App, tmp_path: Path) -> None:
    def measured(name: str, text: str) -> set[str]:
        (tmp_path / name).write_text(text)
        entry = {"use": "fake-apart", "path": str(tmp_path / name)}
        found = statuses(go(app, {**FAKE, "evaluators": [entry]}))
        return {found["baseline"], found["evaluate.apart"]}

    assert measured("one", "a") == {"done"}
    assert measured("two", "a") == {"cached"}
    assert measured("one", "b") == {"done"}


def test_a_file_that_changes_while_the_run_goes_is_found_out(app: App, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a")
    spec = resolve({**FAKE, "evaluators": [{"use": "fake-apart", "path": str(tmp_path / "file")}]}, app.registry,
                   app.environments)  # fmt: skip
    plan = make_plan(app, spec)
    (tmp_path / "file").write_text("b")
    with pytest.raises(DataChanged, match="files that fake-apart reads changed"):
        run(app, plan, once=True, on_ready=lambda result: None)


def test_who_brings_cases_of_its_own_is_measured_once_whoever_stands_beside_it(app: App) -> None:
    def key(evaluators: list[str]) -> dict[str, object]:
        spec = resolve({**FAKE, "evaluators": evaluators}, app.registry, app.environments)
        stages = {stage.name: stage for stage in build_chain(spec, app.registry)}
        return stages["evaluate.apart"].settings

    assert key(["fake-apart"]) == key(["fake-apart", "fake"])


def test_gates_that_nothing_is_measured_for_are_refused_when_planned(app: App) -> None:
    document = {**FAKE, "server": "fake", "evaluate_served": True, "evaluators": ["fake-server-only"],
                "gates": [{"metric": "right", "min_value": 0.1}]}  # fmt: skip
    spec = resolve(document, app.registry, app.environments)
    with pytest.raises(ConfigInvalid, match="this command evaluates no model"):
        make_plan(app, spec, "evaluate")
    assert make_plan(app, spec).measures


def test_nothing_that_evaluators_wrote_of_encrypted_rows_is_left_by_one_that_failed(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: object) -> None:
        raise EvaluatorError("on purpose")

    def written() -> list[str]:
        return sorted(path.name for path in tmp_path.rglob("reader.txt"))

    (tmp_path / "file").write_text("a row")
    entry = {"use": "fake-reads", "path": str(tmp_path / "file")}
    plain, sealed = ({**FAKE, "data_steps": steps, "evaluators": [entry, "fake"]} for steps in ([], ["fake-seal"]))
    monkeypatch.setattr("ftctl.worker.evaluation.read_split", lambda *_: DATA)
    monkeypatch.setattr(FakeEvaluator, "evaluate", fails)
    monkeypatch.setattr(FakeReader, "evaluate", reads)
    for document, left in ((plain, ["reader.txt"]), (sealed, [])):
        with pytest.raises(EvaluatorError):
            go(app, document)
        assert written() == left
        for path in tmp_path.rglob("reader.txt"):
            path.unlink()


def reads(self: FakeReader, target: object, data: object, context: StageContext) -> Report:
    (context.out / "reader.txt").write_text(self.fingerprint())
    return Report("reader", ())
