"""Stages of a run: their order, what is inserted, what does not fit."""

import pytest

from ftctl.application.app import App
from ftctl.application.chain import build_chain
from ftctl.application.preview import Preview
from ftctl.application.resolve import resolve
from ftctl.domain.launch import Endpoint
from ftctl.errors import ConfigInvalid
from tests.unit.test_resolve import FAKE


def names(app: App, until: str = "verify", **changed: object) -> list[str]:
    spec = resolve({**FAKE, **changed}, app.registry, app.environments)
    return [stage.name for stage in build_chain(spec, app.registry, until)]


def test_the_whole_chain_with_a_bridge_before_the_compressor(fake_app: App) -> None:
    assert names(fake_app, compressor="fake", server="fake") == [
        *("model", "data", "baseline", "tune", "evaluate"),
        *("bridge", "compress", "evaluate-compressed", "serve", "verify"),
    ]


def test_an_adapter_is_bridged_for_a_server_of_whole_models(fake_app: App) -> None:
    assert names(fake_app, server="fake")[-3:] == ["bridge", "serve", "verify"]


@pytest.mark.parametrize(
    ("until", "last"),
    [("data", "data"), ("tune", "tune"), ("evaluate", "evaluate"), ("compress", "evaluate-compressed")],
)
def test_a_phase_ends_the_chain(fake_app: App, until: str, last: str) -> None:
    assert names(fake_app, until, compressor="fake", server="fake")[-1] == last


def test_a_stage_has_one_number_however_far_a_command_goes(fake_app: App) -> None:
    spec = resolve({**FAKE, "server": "fake"}, fake_app.registry, fake_app.environments)
    whole = {stage.name: stage.number for stage in build_chain(spec, fake_app.registry)}
    for until in ("data", "tune"):
        part = build_chain(spec, fake_app.registry, until)
        assert all(stage.number == whole[stage.name] for stage in part)
    assert [s.name for s in build_chain(spec, fake_app.registry, "preview", Preview("labels", {"count": 3}))] == [
        "model",
        "data",
        "labels",
    ]


def test_new_tokens_come_before_all_and_everything_stands_on_them(fake_app: App) -> None:
    document = {**FAKE, "server": "fake", "add_tokens": ["<a>"]}
    spec = resolve(document, fake_app.registry, fake_app.environments)
    stages = {stage.name: stage for stage in build_chain(spec, fake_app.registry)}
    assert list(stages)[:4] == ["model", "extend", "data", "baseline"]
    assert {stages[name].inputs["model"] for name in ("baseline", "tune")} == {"extend"}
    assert spec.document()["add_tokens"] == ["<a>"]
    assert spec.run_id != resolve({**document, "add_tokens": []}, fake_app.registry, fake_app.environments).run_id
    shown = build_chain(spec, fake_app.registry, "preview", Preview("labels", {"count": 1}))
    assert [stage.name for stage in shown] == ["model", "extend", "data", "labels"]
    assert shown[-1].inputs["model"] == "extend"


def test_without_evaluators_nothing_is_measured(fake_app: App) -> None:
    assert names(fake_app, evaluators=[]) == ["model", "data", "tune"]


def test_formats_that_do_not_fit_are_refused_before_anything_runs(fake_app: App) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        names(fake_app, server="picky")
    assert caught.value.details == (
        "server: picky takes gguf, but the stage before it produces peft-adapter; and no server does",
    )


def test_a_model_is_measured_behind_its_server_where_that_is_asked(fake_app: App) -> None:
    assert names(fake_app, server="fake", evaluate_served=True)[-3:] == ["serve", "verify", "evaluate-served"]
    with pytest.raises(ConfigInvalid) as caught:
        names(fake_app, evaluate_served=True)
    assert any("this run has no server" in line for line in caught.value.details)


def test_who_scores_is_left_out_behind_a_server_that_tells_no_probabilities(fake_app: App) -> None:
    document = {**FAKE, "server": "fake", "evaluate_served": True, "evaluators": ["fake", "fake-scores"]}
    spec = resolve(document, fake_app.registry, fake_app.environments)
    stages = {stage.name: stage for stage in build_chain(spec, fake_app.registry)}
    assert [one.offer.name for one in stages["evaluate"].backends] == ["fake", "fake-scores"]
    assert [one.offer.name for one in stages["evaluate-served"].backends] == ["fake"]
    assert stages["evaluate-served"].settings["left_out"] == ["fake-scores"]
    with pytest.raises(ConfigInvalid) as caught:
        names(fake_app, server="fake", evaluate_served=True, evaluators=["fake-scores"])
    assert "evaluators: none of them can measure the server" in caught.value.details


def test_no_endpoint_is_no_reason_to_tune_a_model_that_nobody_named(fake_app: App) -> None:
    document = {key: value for key, value in FAKE.items() if key != "model"}
    with pytest.raises(ConfigInvalid) as caught:
        resolve({**document, "endpoint": "none"}, fake_app.registry, fake_app.environments)
    assert any(line.startswith("model: missing") for line in caught.value.details)


def test_of_a_server_that_is_there_nothing_is_tuned_and_no_model_needed(fake_app: App) -> None:
    document = {key: value for key, value in FAKE.items() if key != "model"}
    document["endpoint"] = {"url": "http://127.0.0.1:1/v1/", "model": "m", "concurrency": 3}
    spec = resolve(document, fake_app.registry, fake_app.environments)
    assert spec.model
    data, served = build_chain(spec, fake_app.registry)
    assert (data.name, served.name, served.subject, served.lasts) == ("data", "evaluate-served", "served", False)
    assert served.endpoint == Endpoint("http://127.0.0.1:1/v1", "m")
    assert spec.document()["endpoint"]["concurrency"] == 3
    assert resolve(spec.document(), fake_app.registry, fake_app.environments) == spec
    assert spec.run_id.startswith("endpoint-")


def test_who_looks_into_a_model_is_not_shown_a_server(fake_app: App) -> None:
    assert names(fake_app, evaluators=["fake-looks"])
    document = {**FAKE, "server": "fake", "evaluate_served": True, "evaluators": ["fake", "fake-looks"]}
    spec = resolve(document, fake_app.registry, fake_app.environments)
    stages = {stage.name: stage for stage in build_chain(spec, fake_app.registry)}
    assert stages["evaluate"].plugin == "fake+fake-looks"
    assert (stages["evaluate-served"].plugin, stages["evaluate-served"].settings["left_out"]) == (
        "fake",
        ["fake-looks"],
    )
    with pytest.raises(ConfigInvalid) as caught:
        names(fake_app, evaluators=["fake-looks"], endpoint="http://127.0.0.1:1/v1")
    line = "evaluators: fake-looks needs model internals, which the served model does not offer here"
    assert caught.value.details == (line,)


def test_who_measures_a_server_is_shown_nothing_else(fake_app: App) -> None:
    document = {**FAKE, "server": "fake", "evaluate_served": True, "evaluators": ["fake", "fake-server-only"]}
    spec = resolve(document, fake_app.registry, fake_app.environments)
    stages = {stage.name: stage for stage in build_chain(spec, fake_app.registry)}
    assert stages["evaluate"].plugin == stages["baseline"].plugin == "fake"
    assert stages["evaluate-served"].plugin == "fake+fake-server-only"
    assert "baseline" not in names(fake_app, **{**document, "evaluators": ["fake-server-only"]})
    with pytest.raises(ConfigInvalid) as caught:
        names(fake_app, evaluators=["fake-server-only"])
    line = "evaluators: fake-server-only measures a server; name the `endpoint`, or say evaluate_served: true"
    assert line in caught.value.details


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("ftp://x", "endpoint.url: no URL of a server"),
        ({"model": "m"}, "endpoint: needs a `url`"),
        (7, "endpoint: needs a `url`"),
        ({"use": "127.0.0.1"}, "endpoint.url: no URL of a server"),
        ({"url": "http://127.0.0.1:1/v1", "concurrencies": 2}, "endpoint.concurrencies"),
        ({"url": "http://127.0.0.1:1/v1", "max_error_rate": 0.7}, "endpoint.max_error_rate"),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_named(fake_app: App, endpoint: object, line: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        names(fake_app, endpoint=endpoint)
    assert any(line in told for told in caught.value.details), caught.value.details
