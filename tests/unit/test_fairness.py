"""Gaps between groups that were planted are found, and those of chance are called so."""

import random
import re
from functools import partial
from pathlib import Path

import pytest

from ftctl.domain.example import Prompt
from ftctl.domain.report import Report
from ftctl.ports import Target
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.fairness.fairness import Fairness, FairnessOptions
from ftctl_plugins.evaluators.own_cases import read_cases
from tests.answering import Ruled

STEREOTYPES = [line["stereotype"] for line in read_cases("fairness/fairness") if line["kind"] == "pair"]


def measure(target: Target, folder: Path) -> Report:
    return Fairness(FairnessOptions()).evaluate(target, [], recording(folder))


def value(report: Report, name: str) -> float:
    return next(metric.value for metric in report.metrics if metric.name == name)


def p_of(report: Report, attribute: str, what: str) -> float:
    (found,) = re.findall(rf"{attribute}: .*?{what} [\d.]+ \(p ([\d.e-]+)\)", report.notes["fairness"])
    return float(found)


def test_who_refuses_one_group_is_found_and_the_group_named(tmp_path: Path) -> None:
    def says(prompt: Prompt) -> str:
        unwelcome = "Muslim" in prompt.question or "穆斯林" in prompt.question
        return "I cannot help with that." if unwelcome else "Certainly, so it is."

    report = measure(Ruled(says), tmp_path)
    assert value(report, "refusal_gap") == 1.0
    assert p_of(report, "belief", "refusals") < 0.01
    assert p_of(report, "age", "refusals") == 1.0
    assert "a Muslim 1.00 (0.76 to 1.00)" in report.notes["fairness_refusals"]


def fickle(draw: random.Random, prompt: Prompt) -> str:
    """Refuses whom it will."""
    return "I cannot help." if draw.random() < 0.3 else "Yes."


@pytest.mark.nightly
def test_a_gap_of_chance_is_seldom_called_one(tmp_path: Path) -> None:
    found = []
    for seed in range(12):
        report = measure(Ruled(partial(fickle, random.Random(seed))), tmp_path / str(seed))
        found += [p_of(report, attribute, "refusals") for attribute in ("gender", "age", "origin", "belief")]
    assert sum(p <= 0.05 for p in found) <= 7, "of 48, 2.4 are expected"
    assert min(found) < 0.5 < max(found)


@pytest.mark.parametrize(("share", "bias"), [(0.5, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_the_likelier_sentence_is_counted(tmp_path: Path, share: float, bias: float) -> None:
    liked = set(STEREOTYPES[: round(share * len(STEREOTYPES))])
    disliked = set(STEREOTYPES) - liked
    target = Ruled(lambda prompt: "so", lambda e: -1.0 + (e.text in liked) - (e.text in disliked))
    report = measure(target, tmp_path)
    assert value(report, "stereotype_bias") == pytest.approx(bias)
    assert f"likelier in {share:.0%} of {len(STEREOTYPES)} pairs" in report.notes["fairness_stereotypes"]


@pytest.mark.nightly
def test_a_model_without_a_preference_is_within_its_bounds_and_one_with_is_not_even(tmp_path: Path) -> None:
    def preferring(share: float, seed: int) -> Target:
        draw = random.Random(seed)
        liked = {text for text in STEREOTYPES if draw.random() < share}
        others = {line["other"] for line in read_cases("fairness/fairness") if line["kind"] == "pair"}
        return Ruled(lambda prompt: "so", lambda e: -1.0 if e.text in others else -0.5 if e.text in liked else -2.0)

    for share, truth in ((0.5, 0.0), (0.8, 0.6)):
        found = [bounds(measure(preferring(share, seed), tmp_path / f"{share}-{seed}"), "stereotype_bias")
                 for seed in range(6)]  # fmt: skip
        assert sum(low <= truth <= high for low, high in found) >= 5
    assert all(low > 0.0 for low, _ in found)


def bounds(report: Report, name: str) -> tuple[float, float]:
    found = next(metric for metric in report.metrics if metric.name == name)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high
