"""The main job over fakes: order, cache, failures, signals, gates."""

import signal
from typing import Any

import pytest
from attrs import evolve

from ftctl.application.app import App
from ftctl.application.gate_checks import misdirected
from ftctl.application.gates import concerns
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.application.run import run
from ftctl.application.run_result import RunResult
from ftctl.application.spec import Gate
from ftctl.domain.metric import Direction, Metric, mean_metric
from ftctl.errors import (
    ArtifactCorrupt,
    BackendFailed,
    ConfigInvalid,
    DataChanged,
    DiskFull,
    GateRefused,
    Interrupted,
    NoUsableRows,
    PluginBroken,
    RowsInvalid,
    RunBusy,
    ServerDied,
    SignalArrived,
    TrainingDiverged,
    UsageError,
)
from ftctl.testing.fakes import (
    FakeArtifactStore,
    FakeDataSource,
    FakeModelIntake,
    FakeMonitor,
    FakeServer,
    FakeServerRunner,
)
from tests.unit.test_resolve import FAKE

FULL = {**FAKE, "compressor": "fake", "server": "fake"}


def go(app: App, document: dict[str, Any] | None = None, *, once: bool = True, until: str = "verify") -> RunResult:
    spec = resolve(document or FULL, app.registry, app.environments)
    return run(app, make_plan(app, spec, until), once=once, on_ready=lambda result: None)


def statuses(result: RunResult) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in result.stages}


def kinds(app: App) -> list[str]:
    return [event.kind for journal in app.journals.journals.values() for event in journal.recorded]  # type: ignore[attr-defined]


def test_a_run_measures_base_tuned_and_compressed_and_serves(fake_app: App) -> None:
    result = go(fake_app)
    assert result.status == "done"
    assert {subject: found["right"].value for subject, found in result.metrics.items()} == {
        "base": 0.0,
        "tuned": 1.0,
        "compressed": 1.0,
    }
    assert result.endpoint is not None
    assert result.endpoint.url == "http://127.0.0.1:4242/v1"
    servers = fake_app.servers
    assert isinstance(servers, FakeServerRunner)
    assert [running.stopped for _, running in servers.started] == [1]


def test_the_document_is_the_one_that_is_promised(fake_app: App) -> None:
    document = go(fake_app).document()
    assert set(document) == {"run_id", "status", "stages", "metrics", "endpoint", "report"}
    assert set(document["stages"][0]) == {"name", "plugin", "status", "seconds", "artifact", "peak_rss_bytes"}
    assert set(document["endpoint"]) == {"url", "model"}


def test_again_everything_but_the_server_is_cached(fake_app: App) -> None:
    go(fake_app)
    again = statuses(go(fake_app))
    assert {name for name, status in again.items() if status == "done"} == {"serve", "verify"}
    assert set(again.values()) == {"cached", "done"}


def test_another_seed_runs_again_from_the_tuner_on(fake_app: App) -> None:
    go(fake_app)
    again = statuses(go(fake_app, {**FULL, "seed": 7}))
    assert (again["data"], again["tune"], again["compress"]) == ("cached", "done", "done")


def test_another_model_content_is_another_model(fake_app: App) -> None:
    go(fake_app)
    changed = evolve(fake_app, intake=FakeModelIntake(content="other"))
    assert statuses(go(changed))["tune"] == "done"


def test_a_changed_artifact_is_noticed_before_it_is_used(fake_app: App) -> None:
    result = go(fake_app)
    compressed = next(stage["artifact"] for stage in result.stages if stage["name"] == "compress")
    (fake_app.workspace / "artifacts" / compressed / "weights.txt").write_text("bit flip")
    with pytest.raises(ArtifactCorrupt):
        go(fake_app)


def test_two_owners_are_refused(fake_app: App) -> None:
    spec = resolve(FULL, fake_app.registry, fake_app.environments)
    fake_app.journals.open(spec.run_id).busy = True  # type: ignore[attr-defined]
    with pytest.raises(RunBusy):
        go(fake_app)


def test_a_full_disk_keeps_what_was_finished(fake_app: App) -> None:
    full = evolve(fake_app, store=FakeArtifactStore(fake_app.workspace / "s", full_after=3))
    with pytest.raises(DiskFull):
        go(full)
    assert len(full.store.artifacts()) == 3
    journal = next(iter(full.journals.journals.values()))  # type: ignore[attr-defined]
    assert journal.documents["run.json"]["status"] == "failed"
    assert journal.documents["run.json"]["error"]["code"] == "disk-full"


def test_too_little_disk_is_refused_before_any_work(fake_app: App) -> None:
    fake_app.environments.free = 1  # type: ignore[attr-defined]
    with pytest.raises(DiskFull):
        go(fake_app)
    assert kinds(fake_app) == []


def test_divergence_ends_with_its_own_code(fake_app: App) -> None:
    with pytest.raises(TrainingDiverged):
        go(fake_app, {**FULL, "tuner": {"use": "fake", "diverge_at": 2}})


def test_a_tuner_goes_on_where_it_was_stopped(fake_app: App) -> None:
    document = {**FULL, "tuner": {"use": "fake", "steps": 5, "diverge_at": 4}}
    with pytest.raises(TrainingDiverged):
        go(fake_app, document)
    with pytest.raises(TrainingDiverged):
        go(fake_app, document)
    steps = [
        e.data["step"] for j in fake_app.journals.journals.values() for e in j.recorded if e.kind == "StepFinished"
    ]  # type: ignore[attr-defined]
    assert steps == [1, 2, 3]


def test_a_monitor_that_fails_is_left_out(fake_app: App) -> None:
    for moment in ("open", "emit", "close"):
        result = go(fake_app, {**FULL, "monitors": [{"use": "fake", "fails_at": moment}]})
        assert result.status == "done"
    assert kinds(fake_app).count("WarningRaised") == 3


def test_a_gate_says_no(fake_app: App) -> None:
    with pytest.raises(GateRefused) as caught:
        go(fake_app, {**FULL, "gates": [{"metric": "right", "min_gain": 1.5}, {"metric": "right", "max_value": 1.0}]})
    alone = "by point estimate only: more examples would hardly decide it"
    assert caught.value.details == (
        "fail: right of compressed gains 1 over base, at least 1.5 is required",
        f"pass: right of compressed is 1, at most 1 is required, {alone}",
    )


def test_a_bound_against_the_direction_of_its_metric_is_refused_before_anything_is_trained(fake_app: App) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        go(fake_app, {**FULL, "gates": [{"metric": "right", "min_value": 0}, {"metric": "right", "max_ratio": 1.05}]})
    told = "right is better when higher, so this passes a worse model; use min_gain or min_value"
    assert caught.value.details == (f"gates[1].max_ratio: {told}",)
    (journal,) = fake_app.journals.journals.values()  # type: ignore[attr-defined]
    assert [event.stage for event in journal.recorded if event.kind == "StageFinished"] == ["model", "data", "baseline"]


def test_a_gate_on_a_misspelt_metric_is_refused_before_anything_is_trained(fake_app: App) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        go(fake_app, {**FULL, "gates": [{"metric": "rihgt", "min_value": 0}]})
    assert caught.value.details == ("gates[0].metric: rihgt is not measured; did you mean 'right'?",)
    (journal,) = fake_app.journals.journals.values()  # type: ignore[attr-defined]
    assert [event.stage for event in journal.recorded if event.kind == "StageFinished"] == ["model", "data", "baseline"]


def test_a_gate_on_a_metric_that_the_base_has_not_is_told_before_training(fake_app: App) -> None:
    with pytest.raises(GateRefused):
        go(fake_app, {**FULL, "gates": [{"metric": "toxicity", "max_value": 1}]})
    (journal,) = fake_app.journals.journals.values()  # type: ignore[attr-defined]
    kinds = [(event.kind, event.stage) for event in journal.recorded]
    told = next(event for event in journal.recorded if "toxicity was not measured of the base model" in str(event.data))
    assert journal.recorded.index(told) < kinds.index(("StageStarted", "tune"))


def test_a_gain_is_asked_of_what_should_rise() -> None:
    lower = measured(perplexity=2.0)
    assert misdirected([Gate(metric="perplexity", max_ratio=1.0, min_value=0.0)], lower) == []
    (line,) = misdirected([Gate(metric="perplexity", min_gain=0.0)], lower)
    assert line.startswith("gates[0].min_gain: perplexity is better when lower")
    assert misdirected([Gate(metric="f1", min_gain=0.0)], lower) == []


def test_a_gate_can_look_at_an_earlier_run(fake_app: App) -> None:
    first = go(fake_app, FULL)
    over = f"run:{first.run_id}:base"
    gated = {**FULL, "gates": [{"metric": "right", "min_gain": 0.0, "over": over, "confidence": 0.8}]}
    result = go(fake_app, gated)
    assert [(ruling["verdict"], ruling["metric"]) for ruling in result.gates] == [("pass", "right")]
    gated["gates"][0]["over"] = f"run:{first.run_id}"  # type: ignore[index]
    with pytest.raises(GateRefused, match="a gate is inconclusive"):
        go(fake_app, gated)
    gated["gates"][0]["over"] = "run:none"  # type: ignore[index]
    with pytest.raises(UsageError, match="no such run"):
        go(fake_app, gated)
    gated["gates"][0]["over"] = "last"  # type: ignore[index]
    with pytest.raises(ConfigInvalid) as caught:
        go(fake_app, gated)
    assert "gates[0].over: must be base, tuned, compressed or run:ID, not 'last'" in caught.value.details


def test_a_model_behind_its_server_is_measured_and_gated(fake_app: App) -> None:
    gate = {"metric": "right", "over": "tuned", "min_gain": 0.0}
    done = go(fake_app, {**FAKE, "server": "fake", "evaluate_served": True, "gates": [gate]})
    assert list(done.metrics) == ["base", "tuned", "served"]
    assert [(one["subject"], one["verdict"]) for one in done.gates] == [("served", "pass")]


def test_a_gate_over_the_last_model_that_was_measured_is_no_pass(fake_app: App) -> None:
    gate = {"metric": "right", "over": "tuned", "min_gain": -0.5}
    document = {**FAKE, "server": "fake", "evaluate_served": True, "gates": [gate]}
    with pytest.raises(GateRefused) as caught:
        go(fake_app, document, until="evaluate")
    assert "right of tuned would be compared with itself" in caught.value.details[0]


def test_a_server_that_cannot_be_scored_is_refused_when_that_is_planned(fake_app: App) -> None:
    endpoint = {"url": "http://deaf/v1", "model": "m"}
    assert list(go(fake_app, {**FAKE, "endpoint": endpoint}).metrics) == ["served"]
    spec = resolve(
        {**FAKE, "evaluators": ["fake-scores"], "endpoint": endpoint}, fake_app.registry, fake_app.environments
    )
    with pytest.raises(BackendFailed, match=r"http://deaf/v1 cannot be measured: it ignores the field `logprobs`"):
        make_plan(fake_app, spec)


def test_a_gate_on_what_was_not_measured_says_no(fake_app: App) -> None:
    with pytest.raises(GateRefused, match="gate"):
        go(fake_app, {**FULL, "gates": [{"metric": "nosuch", "min_value": 0}]})


def test_gates_are_not_held_against_a_run_that_measures_nothing_yet(fake_app: App) -> None:
    gated = {**FULL, "gates": [{"metric": "right", "min_gain": 1.5}]}
    assert go(fake_app, gated, until="tune").status == "done"


def test_a_shorter_command_keeps_the_record_of_the_whole_run(fake_app: App) -> None:
    go(fake_app)
    journal = next(iter(fake_app.journals.journals.values()))  # type: ignore[attr-defined]
    before = journal.documents["run.json"]
    go(fake_app, until="data")
    assert journal.documents["run.json"] == before


def test_no_plugin_can_swallow_a_signal(fake_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def struck(self: FakeMonitor, event: object) -> None:
        raise SignalArrived(signal.SIGTERM, "SIGTERM")

    monkeypatch.setattr(FakeMonitor, "emit", struck)
    with pytest.raises(SignalArrived):
        go(fake_app)


def test_a_backend_that_raises_while_planning_is_named(fake_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, shape: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(FakeServer, "supports", broken)
    with pytest.raises(PluginBroken, match=r"server .*:fake .* failed in supports\(\): KeyError"):
        go(fake_app)


def test_a_source_that_changes_while_it_is_read_is_refused(fake_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["before", "after"])
    monkeypatch.setattr(FakeDataSource, "fingerprint", lambda self: next(answers))
    with pytest.raises(DataChanged):
        go(fake_app)


def test_a_signal_is_recorded_and_the_server_stopped(fake_app: App) -> None:
    def stop(_seconds: float) -> None:
        raise Interrupted("stopped", signal_number=signal.SIGTERM)

    fake_app.clock.on_sleep = stop  # type: ignore[attr-defined]
    with pytest.raises(Interrupted):
        go(fake_app, once=False)
    servers = fake_app.servers
    assert isinstance(servers, FakeServerRunner)
    assert servers.started[0][1].stopped == 1


def test_a_server_that_dies_while_serving_is_an_error(fake_app: App) -> None:
    servers = fake_app.servers
    assert isinstance(servers, FakeServerRunner)

    def die(_seconds: float) -> None:
        servers.started[0][1].alive = False

    fake_app.clock.on_sleep = die  # type: ignore[attr-defined]
    with pytest.raises(ServerDied):
        go(fake_app, once=False)


def test_rows_that_are_refused_end_the_run_unless_allowed(fake_app: App) -> None:
    source = {"use": "fake", "rows": 60, "bad_every": 20, "twin_every": 7}
    with pytest.raises(RowsInvalid) as caught:
        go(fake_app, {**FULL, "data_source": source})
    assert caught.value.details == ("fake:20, fake:40, fake:60: bad on purpose",)
    assert go(fake_app, {**FULL, "data_source": {**source, "skip_invalid": 3}}).status == "done"


def test_no_rows_at_all_is_an_error(fake_app: App) -> None:
    with pytest.raises(NoUsableRows):
        go(fake_app, {**FULL, "data_source": {"use": "fake", "rows": 0}})


def test_a_compressor_that_cannot_is_refused_when_planned(fake_app: App) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        go(fake_app, {**FULL, "compressor": {"use": "fake", "refuses": True}})
    assert caught.value.details == ("fake: refused on purpose",)
    assert kinds(fake_app) == []


def test_a_dry_plan_knows_what_is_cached_and_what_is_trained(fake_app: App) -> None:
    go(fake_app, until="tune")
    spec = resolve(FULL, fake_app.registry, fake_app.environments)
    plan = make_plan(fake_app, spec).document()
    assert {s["name"]: s["cached"] for s in plan["stages"]} == {
        **dict.fromkeys(("model", "data", "tune"), True),
        **dict.fromkeys(
            ("baseline", "evaluate", "bridge", "compress", "evaluate-compressed", "serve", "verify"), False
        ),
    }
    assert plan["resources"]["trained_parameters"] == 4


UNITS: dict[str, tuple[str, Direction]] = {
    "perplexity": ("token", "lower"),
    "f1": ("share", "higher"),
    "bleu": ("bleu", "higher"),
}


def measured(**values: float) -> dict[str, Metric]:
    return {n: mean_metric(n, [value], unit=UNITS[n][0], direction=UNITS[n][1]) for n, value in values.items()}


def test_compression_that_cost_much_is_a_warning_where_no_gate_looks() -> None:
    tuned = measured(perplexity=2.0, f1=0.9, bleu=50.0)
    worse = {"tuned": tuned, "compressed": measured(perplexity=2.2, f1=0.87, bleu=1)}
    assert [line.split(",")[0] for line in concerns((), worse)] == [
        "perplexity of compressed is 1.1 times that of tuned",
        "f1 of compressed gains -0.03 over tuned",
    ]
    gates: list[dict[str, Any]] = [{"metric": "perplexity", "max_ratio": 2.0}, {"metric": "f1", "min_value": 0.5}]
    assert concerns(tuple(Gate(**gate) for gate in gates), worse) == []
    assert concerns((), {"tuned": tuned, "compressed": measured(perplexity=2.05, f1=0.89)}) == []
    assert concerns((), {"tuned": tuned}) == []
    assert concerns((), {"tuned": measured(perplexity=0.0), "compressed": measured(perplexity=0.0)}) == []
    on_tuned: dict[str, Any] = {"metric": "f1", "of": "tuned", "min_value": 0.5}
    assert len(concerns((Gate(**on_tuned),), worse)) == 2


def test_a_signal_while_the_server_is_announced_ends_the_server(fake_app: App) -> None:
    def struck(_result: RunResult) -> None:
        raise SignalArrived(signal.SIGTERM, "SIGTERM")

    plan = make_plan(fake_app, resolve(FULL, fake_app.registry, fake_app.environments), "verify")
    with pytest.raises(Interrupted, match="server stopped by SIGTERM"):
        run(fake_app, plan, once=False, on_ready=struck)


def test_a_model_that_moved_on_the_hub_is_told(fake_app: App) -> None:
    spec = resolve(FULL, fake_app.registry, fake_app.environments)
    plan = make_plan(fake_app, spec, "data")
    for commit in ("aaa", "aaa", "bbb"):
        moved = evolve(plan, model=evolve(plan.model, commit=commit))
        run(fake_app, moved, once=True, on_ready=lambda result: None)
    (journal,) = fake_app.journals.journals.values()  # type: ignore[attr-defined]
    told = [event.data["message"] for event in journal.recorded if event.kind == "WarningRaised"]
    reference = plan.model.reference
    assert told == [f"{reference} moved on the hub since this run last began: aaa is now bbb"]
