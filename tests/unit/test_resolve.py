"""From a document to a spec, every problem in one go."""

import pytest
from attrs import evolve

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.errors import ConfigInvalid
from ftctl.plugin import Offer
from ftctl.plugin.registry import Registry
from ftctl.testing.fakes import FakeEnvironments

FAKE = {"model": "fake", "data_source": "fake", "tuner": "fake", "evaluators": ["fake"], "monitors": ["fake"]}


def problems(app: App, **changed: object) -> tuple[str, ...]:
    with pytest.raises(ConfigInvalid) as caught:
        resolve({**FAKE, **changed}, app.registry, app.environments)
    return caught.value.details


def test_a_good_document_resolves_and_documents_itself(fake_app: App) -> None:
    spec = resolve(FAKE, fake_app.registry, fake_app.environments)
    again = resolve(spec.document(), fake_app.registry, fake_app.environments)
    assert again == spec
    assert again.run_id == spec.run_id


def test_watching_does_not_change_the_run(fake_app: App) -> None:
    spec = resolve(FAKE, fake_app.registry, fake_app.environments)
    assert evolve(spec, monitors=()).run_id == spec.run_id
    assert evolve(spec, seed=1).run_id != spec.run_id


def test_every_problem_is_reported_at_once(fake_app: App) -> None:
    found = problems(
        fake_app,
        tuner={"use": "fake", "rnak": 8, "steps": 0},
        server="fkae",
        evaluators=["fake", "fake"],
        sead=1,
        cutoff_len=512,
        base_model="x",
        gates=[{"min_gain": 1}],
    )
    assert found == (
        "sead: unknown key; did you mean 'seed'?",
        "cutoff_len: unknown key; did you mean 'tuner.max_length'?",
        "base_model: unknown key; did you mean 'model'?",
        "tuner.rnak: unknown key; did you mean 'rank'?",
        "tuner.steps: must be at least 1, not 0",
        "evaluators: 'fake' is named twice",
        "server.use: no server 'fkae'; did you mean 'fake'? known: fake, picky",
        "gates[0].metric: missing; Name of the metric.",
    )


@pytest.mark.parametrize(
    ("split", "part"),
    [
        ({"tets": 0.1}, "did you mean 'test'?"),
        ({"test": 1.0}, "less than 1"),
        ({"test": -0.1}, "at least 0"),
        ({"test": 0.6, "validation": 0.4}, "sum must be less than 1"),
        ({"test": 0.95}, "sum must be less than 1"),
    ],
)
def test_split_shares_are_checked(fake_app: App, split: dict[str, float], part: str) -> None:
    assert part in problems(fake_app, data_source={"use": "fake", "split": split})[0]


def test_the_model_is_required(fake_app: App) -> None:
    assert problems(fake_app, model=None)[0].startswith("model: missing")


def test_a_missing_package_is_named_with_its_command(fake_app: App) -> None:
    from ftctl.plugin import Need

    offer = next(o for o in fake_app.registry.offers("tuner"))
    needy = evolve(offer, needs=(Need("nosuchmodule", "ftctl[x]"),))

    class Needy(Registry):
        def find(self, port: str, name: str) -> object:
            return needy if port == "tuner" else super().find(port, name)

    from ftctl.testing.offers import fake_entry_points

    environments = FakeEnvironments(absent={"nosuchmodule"})
    line = "tuner.use: fake needs nosuchmodule; run: pip install 'ftctl[x]'"
    spec = resolve(FAKE, Needy(fake_entry_points), environments)
    assert spec.lacking == (line,)
    with pytest.raises(ConfigInvalid, match="backends of this run are not installed") as caught:
        make_plan(evolve(fake_app, registry=Needy(fake_entry_points), environments=environments), spec)
    assert caught.value.details == (line,)
    with pytest.raises(ConfigInvalid, match="2 problems") as caught:
        resolve({**FAKE, "seed": -1}, Needy(fake_entry_points), environments)
    assert caught.value.details[1] == line, "what is not installed is told last"


def test_an_unknown_name_is_told_what_could_be_installed(fake_app: App) -> None:
    from ftctl.plugin import Need

    class Installable(Registry):
        def offers(self, port: str | None = None) -> list[Offer]:
            needs = (Need("nosuchmodule", "ftctl[x]"),)
            return [evolve(offer, needs=needs) if offer.name == "picky" else offer for offer in super().offers(port)]

    from ftctl.testing.offers import fake_entry_points

    environments = FakeEnvironments(absent={"nosuchmodule"})
    with pytest.raises(ConfigInvalid) as caught:
        resolve({**FAKE, "server": "nosuch"}, Installable(fake_entry_points), environments)
    assert caught.value.details[0].endswith("; installable: picky (pip install 'ftctl[x]')")


def test_environments_must_name_an_interpreter(fake_app: App) -> None:
    assert "environments.vllm" in problems(fake_app, environments={"vllm": "/usr/bin/python"})[0]
    assert problems(fake_app, environments={"../x": {"python": "p"}})
    assert "is no executable file" in problems(fake_app, environments={"vllm": {"python": "/nope"}})[0]


def test_a_backend_takes_the_environment_that_the_file_names(fake_app: App) -> None:
    from ftctl.testing.offers import fake_entry_points

    offer = next(o for o in fake_app.registry.offers("tuner"))

    class Elsewhere(Registry):
        def find(self, port: str, name: str) -> object:
            return evolve(offer, environment="vllm") if port == "tuner" else super().find(port, name)

    registry, environments = Elsewhere(fake_entry_points), FakeEnvironments(interpreters={"/opt/python"})
    (line,) = resolve(FAKE, registry, environments).lacking
    assert "environments: {vllm: {python: PATH}}" in line
    spec = resolve({**FAKE, "environments": {"vllm": {"python": "/opt/python"}}}, registry, environments)
    assert spec.environments == {"vllm": "/opt/python"}


@pytest.mark.parametrize("seed", [-1, 2**63, "x", None])
def test_seeds_are_bounded(fake_app: App, seed: object) -> None:
    assert problems(fake_app, seed=seed)[0].startswith("seed:")


def test_what_measuring_a_form_needs_is_asked_for_when_the_run_is_planned(fake_app: App) -> None:
    """A loader is chosen by the format, and what measures runs in the loader's environment."""
    registry, environments = Registry(), FakeEnvironments()
    app = evolve(fake_app, registry=registry, environments=environments)
    compressor = {"use": "gptqmodel", "group_size": 8}
    document = {
        "model": "fake",
        "tuner": "full",
        "compressor": compressor,
        "evaluators": ["text-metrics", "perplexity"],
    }
    environments.pythons["gptq"] = environments.pythons["default"]
    spec = resolve(document, registry, environments)
    stages = {planned.stage.name: planned.stage for planned in make_plan(app, spec).stages}
    assert stages["evaluate-compressed"].environment == "gptq"
    assert stages["evaluate"].environment == "default"

    class Bare(FakeEnvironments):
        def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(module for module in modules if name == "gptq" and module == "sacrebleu")

    bare = Bare(pythons=environments.pythons)
    with pytest.raises(ConfigInvalid) as caught:
        make_plan(evolve(app, environments=bare), spec)
    said = "evaluate-compressed: text-metrics needs sacrebleu"
    remedy = "its environment lacks it; run: ftctl env create gptq --recreate"
    assert caught.value.details == (f"{said}; {remedy}",)
    measured = resolve({**document, "evaluators": []}, registry, environments)
    assert make_plan(evolve(app, environments=bare), measured).stages
