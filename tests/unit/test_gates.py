"""Gates that want to be sure: what they say, and how often they are wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftctl.application.certainty import Bounded, certain
from ftctl.application.gates import judge, refuse
from ftctl.application.measured import Measured
from ftctl.application.spec import Gate
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.ruling import Ruling
from ftctl.errors import GateRefused
from ftctl_adapters.statistics.certainty import ExactStatistics

SURE = ExactStatistics()


def measured(folder: Path, values: Any, name: str = "right") -> Measured:
    """An evaluation of so many examples."""
    folder.mkdir(parents=True)
    records = [{"where": f"e:{n}", name: float(value)} for n, value in enumerate(values)]
    (folder / "fake.samples.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    metric = mean_metric(name, [float(value) for value in values], unit="share", direction="higher")
    return Measured({name: metric}, folder)


def said(gate: dict[str, Any], **models: Measured) -> Ruling:
    (ruling,) = judge([Gate(**{"metric": "right", "confidence": 0.95, **gate})], models, SURE)
    return ruling


@pytest.mark.parametrize(
    ("hits", "least", "verdict"), [(98, 0.9, "pass"), (70, 0.9, "fail"), (91, 0.9, "inconclusive"), (100, 0.97, "pass")]
)
def test_a_share_is_surely_above_its_bound_surely_not_or_neither(
    tmp_path: Path, hits: int, least: float, verdict: str
) -> None:
    model = measured(tmp_path / "m", [1] * hits + [0] * (100 - hits))
    assert said({"min_value": least}, tuned=model).verdict == verdict
    turned = measured(tmp_path / "t", [0] * hits + [1] * (100 - hits))
    assert said({"max_value": round(1 - least, 9)}, tuned=turned).verdict == verdict


def test_what_cannot_be_decided_says_how_many_examples_would(tmp_path: Path) -> None:
    base, tuned = ([1] * 30 + [0] * 20, [1] * 28 + [0] * 16 + [1] * 4 + [0] * 2)
    models = {"base": measured(tmp_path / "b", base), "tuned": measured(tmp_path / "t", tuned)}
    ruling = said({"min_gain": -0.02}, **models)
    assert ruling.verdict == "inconclusive"
    assert ruling.needed is not None
    assert ruling.needed > 50
    assert f"about {ruling.needed:,} examples would decide it, there are 50" in ruling.line()
    with pytest.raises(GateRefused, match="cannot be sure"):
        refuse([ruling])
    tolerated = said({"min_gain": -0.02, "on_inconclusive": "warn"}, **models)
    assert (tolerated.verdict, tolerated.refuses) == ("inconclusive", False)
    refuse([tolerated])


def test_pairs_decide_what_two_shares_alone_would_not(tmp_path: Path) -> None:
    """Ten of 200 were wrong before and are right now; nothing else changed."""
    base, tuned = [1] * 120 + [0] * 80, [1] * 130 + [0] * 70
    models = {"base": measured(tmp_path / "b", base), "tuned": measured(tmp_path / "t", tuned)}
    assert said({"min_gain": 0.0}, **models).verdict == "pass"
    apart = {name: Measured(model.metrics) for name, model in models.items()}
    assert said({"min_gain": 0.0}, **apart).verdict == "inconclusive"


def test_ratios_are_judged_by_their_standard_errors() -> None:
    def model(value: float, stderr: float | None) -> Measured:
        return Measured({"right": Metric("right", value, "token", "lower", 80, stderr)})

    sure, unsure, unknown = model(2.0, 0.01), model(2.0, 0.5), model(2.0, None)
    reference = model(2.2, 0.01)
    assert said({"max_ratio": 1.0}, base=reference, tuned=sure).verdict == "pass"
    assert said({"max_ratio": 1.0}, base=reference, tuned=unsure).verdict == "inconclusive"
    assert said({"max_ratio": 1.0}, base=reference, tuned=unknown).verdict == "inconclusive"
    assert said({"max_ratio": 0.5}, base=reference, tuned=sure).verdict == "fail"
    assert said({"max_ratio": 1.0, "confidence": None}, base=reference, tuned=unsure).verdict == "pass"


def drawn(draw: Any, runs: int, n: int, before: float, after: float) -> Any:
    """Differences of paired answers, (runs, n): a tenth of the examples changes sides by chance."""
    changed = 0.1 + abs(after - before)
    up = (changed + after - before) / 2
    return draw.choice([1.0, 0.0, -1.0], (runs, n), p=[up, 1 - changed, changed - up])


def test_a_model_that_is_worse_by_the_margin_rarely_passes() -> None:
    differences = drawn(np.random.default_rng(3), 600, 150, 0.7, 0.68)
    bounds = (Bounded("", float(one.mean()), -0.02, values=tuple(one)) for one in differences)
    wrong = sum(bound.p(SURE, right=True) <= 0.05 for bound in bounds)
    assert 0 < wrong / 600 <= 0.065


def test_twenty_gates_raise_few_false_alarms() -> None:
    """Every model is as good as its bound asks: at the edge, where alarms are most frequent."""
    draw, alarms = np.random.default_rng(5), 0
    for _ in range(300):
        shares = (draw.random((20, 200)) < 0.8).astype(float)
        bounds = [Bounded("", float(one.mean()), 0.8, values=tuple(one), n=200) for one in shares]
        alarms += "fail" in certain(bounds, [0.95] * 20, SURE)
    assert 0 < alarms / 300 <= 0.06


def test_the_number_that_is_told_decides_in_four_of_five() -> None:
    draw = np.random.default_rng(11)
    few = drawn(draw, 1, 400, 0.7, 0.72)[0]
    shift = 0.02 - few.mean()
    bound = Bounded("", 0.02, -0.01, values=tuple(few + shift), n=400)
    needed = bound.needed(0.95)
    assert needed is not None
    many = (Bounded("", float(one.mean()), -0.01, values=tuple(one)) for one in drawn(draw, 120, needed, 0.7, 0.72))
    passed = sum(bound.p(SURE, right=True) <= 0.05 for bound in many)
    assert 0.7 <= passed / 120 <= 0.9
