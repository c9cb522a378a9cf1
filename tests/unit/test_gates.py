"""Gates that want to be sure: what they say, and how often they are wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ftctl.application.bound_check import BoundCheck, decide
from ftctl.application.gates import judge, refuse
from ftctl.application.model_metrics import Measured
from ftctl.application.spec import Gate
from ftctl.domain.gate_result import GateResult
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.statistics.power import smallest_shown
from ftctl.errors import GateRefused
from ftctl_adapters.statistics.paired import mcnemar


def measured(folder: Path, values: Any, name: str = "right") -> Measured:
    """An evaluation of so many examples."""
    folder.mkdir(parents=True)
    records = [{"where": f"e:{n}", name: float(value)} for n, value in enumerate(values)]
    (folder / "fake.samples.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    metric = mean_metric(name, [float(value) for value in values], unit="share", direction="higher")
    return Measured({name: metric}, folder)


def said(gate: dict[str, Any], **models: Measured) -> GateResult:
    (ruling,) = judge([Gate(**{"metric": "right", "confidence": 0.95, **gate})], models)
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
    with pytest.raises(GateRefused, match="a gate is inconclusive"):
        refuse([ruling])
    tolerated = said({"min_gain": -0.02, "on_inconclusive": "warn"}, **models)
    assert (tolerated.verdict, tolerated.refuses) == ("inconclusive", False)
    refuse([tolerated])


def test_a_pass_that_nobody_asked_to_be_sure_says_where_it_is_not(tmp_path: Path) -> None:
    model = measured(tmp_path / "m", [1] * 91 + [0] * 9)
    by_figure = said({"min_value": 0.9, "confidence": None}, tuned=model)
    assert (by_figure.verdict, by_figure.doubt, by_figure.refuses) == ("pass", True, False)
    more = f"by point estimate only: about {by_figure.needed:,} examples would decide it, there are 100"
    assert more in by_figure.line()
    refuse([by_figure])
    assert not said({"min_value": 0.5, "confidence": None}, tuned=model).doubt
    assert not said({"min_value": 0.5}, tuned=model).doubt
    assert "alone" not in said({"min_value": 0.95, "confidence": None}, tuned=model).line()


def test_a_figure_without_an_error_is_never_sure_and_says_why() -> None:
    model = Measured({"right": Metric("right", 0.3, "second", "lower", 80, None)})
    by_figure = said({"max_value": 0.4, "confidence": None}, tuned=model)
    assert (by_figure.verdict, by_figure.doubt) == ("pass", True)
    assert by_figure.line().endswith("by point estimate only: this metric has no error estimate")
    asked = said({"max_value": 0.4}, tuned=model)
    assert asked.verdict == "inconclusive"
    assert asked.line().endswith("; this metric has no error estimate")


def test_bounds_decide_where_single_examples_tell_nothing() -> None:
    """However few examples they are of; on each side by its own bound."""

    def model(value: float, low: float | None, high: float | None) -> Measured:
        return Measured({"right": Metric("right", value, "ms", "lower", 12, None, low, high)})

    assert said({"max_value": 5.0}, tuned=model(3.0, 0.0, 4.5)).verdict == "pass"
    assert said({"max_value": 4.0}, tuned=model(3.0, 0.0, 4.5)).verdict == "inconclusive"
    assert said({"max_value": 1.0}, tuned=model(3.0, 2.5, 9.0)).verdict == "fail"
    assert said({"max_value": 2.8}, tuned=model(3.0, 1.0, 3.1)).verdict == "inconclusive"
    assert said({"min_gain": -1.0}, base=model(3.5, 3.4, 3.6), tuned=model(3.0, 2.9, 3.1)).verdict == "pass"
    assert said({"max_ratio": 1.0}, base=model(3.5, 3.4, 3.6), tuned=model(3.0, 2.9, 3.1)).verdict == "pass"
    assert said({"max_ratio": 1.0}, base=model(3.5, 3.4, 3.6), tuned=model(3.4, 3.3, 4.5)).verdict == "inconclusive"


def test_grades_that_are_all_alike_decide(tmp_path: Path) -> None:
    """By the range of a grade: a hundred of 5 are surely above 4, of 1 surely below 3, and of 1 no hits of a share."""

    def graded(value: float) -> Measured:
        folder = tmp_path / f"{value}"
        if not folder.exists():
            measured(folder, [value] * 100)
        return Measured({"right": Metric("right", value, "grade", "higher", 100, 0.0, least=1.0, most=5.0)}, folder)

    assert said({"min_value": 4.0}, tuned=graded(5.0)).verdict == "pass"
    assert said({"min_value": 3.0}, tuned=graded(1.0)).verdict == "fail"
    assert said({"min_value": 3.0}, tuned=graded(2.0)).verdict == "fail"
    assert said({"max_value": 4.9}, tuned=graded(5.0)).verdict == "inconclusive"


def test_a_ratio_is_judged_by_the_bounds_on_the_sides_that_matter() -> None:
    def model(value: float, low: float, high: float) -> Measured:
        return Measured({"right": Metric("right", value, "token", "lower", 12, None, low, high)})

    tuned = model(30.0, 20.0, 30.5)
    assert said({"max_ratio": 1.0}, base=model(35.0, 34.0, 60.0), tuned=tuned).verdict == "pass"
    assert said({"max_ratio": 1.0}, base=model(35.0, 20.0, 35.5), tuned=tuned).verdict == "inconclusive"


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


def test_a_ratio_of_equals_is_seldom_surely_above_its_bound() -> None:
    """Of two means, each of 40 values of its own; what is relative to a mean is so to its own, however far apart."""
    draw = np.random.default_rng(8)

    def mean(scale: float) -> Measured:
        values = scale * draw.lognormal(0.0, 0.5, 40)
        return Measured({"right": mean_metric("right", values.tolist(), unit="token", direction="lower")})

    refused = [said({"max_ratio": 0.01}, base=mean(100.0), tuned=mean(1.0)).verdict == "fail" for _ in range(1000)]
    passed = [said({"max_ratio": 0.01}, base=mean(100.0), tuned=mean(1.0)).verdict == "pass" for _ in range(1000)]
    assert 0.03 <= np.mean(refused) <= 0.07
    assert 0.03 <= np.mean(passed) <= 0.07


def drawn(draw: Any, runs: int, n: int, gained: float, lost: float) -> Any:
    """Differences of paired answers, (runs, n), of which so many are gained and lost."""
    return draw.choice([1.0, 0.0, -1.0], (runs, n), p=[gained, 1 - gained - lost, lost])


def passes(differences: Any, margin: float) -> float:
    bounds = (BoundCheck("", float(one.mean()), margin, values=tuple(one), gains=True) for one in differences)
    return float(np.mean([bound.p(right=True) <= 0.05 for bound in bounds]))


@pytest.mark.parametrize(
    ("gained", "lost", "margin", "n"),
    [(0.05, 0.07, -0.02, 150), (0.002, 0.022, -0.02, 150), (0.0, 0.02, -0.02, 150), (0.01, 0.03, -0.02, 150),
     (0.1, 0.1, 0.0, 50), (0.02, 0.0, 0.02, 200), (0.2, 0.22, -0.02, 400)],
)  # fmt: skip
def test_who_is_exactly_at_the_margin_rarely_passes(gained: float, lost: float, margin: float, n: int) -> None:
    assert passes(drawn(np.random.default_rng(3), 4000, n, gained, lost), margin) <= 0.065


@pytest.mark.parametrize("n", [6, 50, 150])
def test_skewed_figures_rarely_pass_by_chance(n: int) -> None:
    """A few collapses among many tiny changes, which a normal distribution or a permutation of signs would miss."""
    draw = np.random.default_rng(7)
    collapsed = draw.random((2000, n)) < 0.02
    changes = np.where(collapsed, -1.0, draw.normal(0.0, 0.001, (2000, n)).clip(-1, 1))
    assert passes(changes, -0.02) <= 0.05
    scores = np.where(draw.random((2000, n)) < 0.1, draw.random((2000, n)), 1.0)
    bounds = (BoundCheck("", float(one.mean()), 0.95, values=tuple(one)) for one in scores)
    assert np.mean([bound.p(right=True) <= 0.05 for bound in bounds]) <= 0.05


def test_many_equal_answers_show_that_little_was_lost() -> None:
    for n, sure in ((50, False), (1000, True)):
        same = BoundCheck("", 0.0, -0.02, values=(0.0,) * n, gains=True)
        assert (same.p(right=True) <= 0.05) == sure
    few = BoundCheck("", 0.0001, -0.02, values=(0.0001,) * 6, gains=True)
    assert few.p(right=True) > 0.05


def test_twenty_gates_raise_few_false_alarms() -> None:
    """Every model is as good as its bound asks: at the edge, where alarms are most frequent."""
    draw, alarms = np.random.default_rng(5), 0
    for _ in range(1000):
        shares = (draw.random((20, 200)) < 0.8).astype(float)
        bounds = [BoundCheck("", float(one.mean()), 0.8, values=tuple(one), n=200) for one in shares]
        alarms += "fail" in decide(bounds, [0.95] * 20)
    assert alarms / 1000 <= 0.06


def test_the_number_that_is_told_decides_in_four_of_five() -> None:
    draw = np.random.default_rng(11)
    found = drawn(draw, 1, 2000, 0.06, 0.04)[0]
    bound = BoundCheck("", float(found.mean()), 0.02 - 0.03, values=tuple(found), gains=True)
    needed = bound.needed(0.95)
    assert needed is not None
    assert 0.7 <= passes(drawn(draw, 1000, needed, 0.06, 0.04), -0.01) <= 0.92
    whole = BoundCheck("", 1.0, 0.9, values=(1.0,) * 20)
    assert whole.p(right=True) > 0.05
    assert 24 <= (whole.needed(0.95) or 0) <= 32


def test_gains_over_another_data_set_are_not_paired(tmp_path: Path) -> None:
    base, tuned = measured(tmp_path / "b", [1] * 120 + [0] * 80), measured(tmp_path / "t", [1] * 130 + [0] * 70)
    assert said({"min_gain": 0.0}, base=base, tuned=tuned).verdict == "pass"
    elsewhere = Measured(base.metrics, base.folder, "another")
    assert said({"min_gain": 0.0}, base=elsewhere, tuned=tuned).verdict == "inconclusive"


def test_a_figure_of_some_examples_is_judged_by_those(tmp_path: Path) -> None:
    """Records of an evaluator with several kinds of cases, each with a figure of its own."""
    (tmp_path / "j.samples.jsonl").write_text("".join(
        json.dumps({"where": f"a:{n}", "right": 0.0} if n < 100 else {"where": f"b:{n}", "other": 1.0}) + "\n"
        for n in range(150)
    ))  # fmt: skip
    metric = mean_metric("right", [0.0] * 100, unit="share", direction="lower")
    assert said({"max_value": 0.05}, tuned=Measured({"right": metric}, tmp_path)).verdict == "pass"


@pytest.mark.parametrize(("n", "points"), [(50, 17.7), (200, 8.9), (1000, 4.0)])
def test_the_smallest_difference_is_about_that_of_the_table(n: int, points: float) -> None:
    assert 100 * (smallest_shown(n) or 0) == pytest.approx(points, rel=0.1)
    assert smallest_shown(10) is None


@pytest.mark.parametrize("n", [200, 1000])
def test_the_smallest_difference_is_shown_in_four_of_five_simulations(n: int) -> None:
    draw = np.random.default_rng(17)

    def power(gain: float) -> float:
        shown = 0
        for one in drawn(draw, 600, n, 0.1 + gain / 2, 0.1 - gain / 2):
            shown += mcnemar(int((one > 0).sum()), int((one < 0).sum())) <= 0.05
        return shown / 600

    least = smallest_shown(n) or 0.0
    assert power(0.85 * least) < 0.8 < power(1.15 * least)
