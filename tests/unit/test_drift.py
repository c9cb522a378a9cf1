"""How far a model has gone from its base: nothing where it is the base, and what is known where that is known."""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import define, evolve

from ftctl.application.app import App
from ftctl.application.chain import build_chain
from ftctl.application.resolve import resolve
from ftctl.domain.example import Example, Message, Prompt
from ftctl.errors import ConfigInvalid
from ftctl.ports import Answer, Score, Target
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.quality.drift import Drift, DriftOptions
from tests.unit.test_resolve import FAKE
from tests.unit.test_run import go

DATA = [Example(f"d:{n}", (Message("user", f"toss {n}"), Message("assistant", "?"))) for n in range(400)]


@define
class Coin(Target):
    """Says ten letters, each ``a`` with its own probability."""

    heads: float

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        raise NotImplementedError

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        assert temperature == 1.0
        told = []
        for prompt in prompts:
            draw = random.Random(f"{seed} {prompt.question}")
            told.append(Answer("".join("a" if draw.random() < self.heads else "b" for _ in range(10)), (), "length"))
        return told

    def score(self, examples: Sequence[Example]) -> list[Score]:
        return [self._score(example) for example in examples]

    def _score(self, example: Example) -> Score:
        told = sum(math.log(self.heads if letter == "a" else 1 - self.heads) for letter in example.answer)
        # this one would end in the same place as seldom as it says b
        return Score(told + (0 if example.open else math.log(1 - self.heads)), len(example.answer), len(example.answer))


def drift(target: Target, base: Target | None, folder: Path) -> list[tuple[float, float | None]]:
    context = evolve(recording(folder), base=lambda: base)
    report = Drift(DriftOptions(limit=None)).evaluate(target, DATA, context)
    return [(metric.value, metric.stderr) for metric in report.metrics]


def test_the_base_has_not_gone_from_itself(tmp_path: Path) -> None:
    assert drift(Coin(0.6), Coin(0.6), tmp_path) == [(0.0, 0.0)]
    assert drift(Coin(0.6), None, tmp_path) == []


def test_it_is_the_divergence_that_is_known(tmp_path: Path) -> None:
    ((value, error),) = drift(Coin(0.3), Coin(0.6), tmp_path)
    known = 0.6 * math.log(0.6 / 0.3) + 0.4 * math.log(0.4 / 0.7)
    # of one letter the difference is log 2 or log 4/7, and 4,000 are drawn
    expected = (math.log(2) - math.log(4 / 7)) * math.sqrt(0.6 * 0.4 / 4000)
    assert error == pytest.approx(expected, rel=0.1)
    assert abs(value - known) < 3 * expected


def test_the_base_is_an_input_of_what_is_compared_with_it_and_of_nothing_else(fake_app: App) -> None:
    spec = resolve({**FAKE, "evaluators": ["fake-compares"]}, fake_app.registry, fake_app.environments)
    stages = {stage.name: stage for stage in build_chain(spec, fake_app.registry)}
    assert "base" not in stages["baseline"].inputs
    assert stages["evaluate"].inputs["base"] == "model"
    assert set(stages["evaluate"].parts) == {"loader", "base_loader"}
    plain = resolve({**FAKE, "evaluators": ["fake"]}, fake_app.registry, fake_app.environments)
    assert all("base" not in stage.inputs for stage in build_chain(plain, fake_app.registry))


def test_the_base_is_loaded_for_who_compares_and_nobody_compares_it_with_itself(fake_app: App) -> None:
    result = go(fake_app, {**FAKE, "evaluators": ["fake-compares"]})
    told = {}
    for stage in result.stages:
        if stage["name"] in ("baseline", "evaluate"):
            folder = Path(fake_app.store.open(*stage["artifact"].split("/", 1)).path)
            told[stage["name"]] = json.loads((folder / "comparer.json").read_text())["notes"]["base"]
    assert told == {"baseline": "none", "evaluate": "there"}


def test_an_endpoint_has_no_base(fake_app: App) -> None:
    named = {"evaluators": ["fake-compares"], "endpoint": {"url": "http://127.0.0.1:1/v1", "model": "m"}}
    spec = resolve({**FAKE, **named}, fake_app.registry, fake_app.environments)
    with pytest.raises(ConfigInvalid) as caught:
        build_chain(spec, fake_app.registry)
    assert any("fake-compares asks the base model, and an endpoint has none" in line for line in caught.value.details)
