"""Gates on what was chosen for being extreme: where nothing differs none surely refuses, and what differs is found."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
from scipy import stats

from ftctl.application.gates import judge
from ftctl.application.model_metrics import Measured
from ftctl.application.spec import Gate
from ftctl.domain.example import Example, Message
from ftctl.domain.metric import Metric, extreme_metric
from ftctl.domain.statistics.hypothesis_tests import mean_bounds
from ftctl.domain.statistics.proportion import away_from_even, clopper_pearson
from ftctl.domain.statistics.selection_bounds import highest, level_of_each, lowest, student, widest
from ftctl.ports import Evaluator
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.fairness.fairness import Fairness, FairnessOptions
from ftctl_plugins.evaluators.fairness.gaps import LENGTH, REFUSED, Row, bounds, gaps
from ftctl_plugins.evaluators.robustness.calibrate import Calibrate, CalibrateOptions
from ftctl_plugins.evaluators.robustness.calibration import around, calibration_error, noise
from ftctl_plugins.evaluators.robustness.shift import Shift, ShiftOptions, Slice, extremes
from ftctl_plugins.evaluators.safety.exposure import bounds as exposure_bounds
from ftctl_plugins.evaluators.safety.exposure import exposure, luck
from ftctl_plugins.evaluators.safety.memorise import Memorise, MemoriseOptions
from tests.answering import Ruled

SELDOM = 0.05
"""Twice the error that bounds allow on one side: of 200 draws so many are hardly ever more."""

Draw = random.Random


def verdict(metric: Metric, **gate: float) -> str:
    """What a gate says that wants to be sure to 0.95."""
    asked = Gate(metric=metric.name, confidence=0.95, **gate)  # type: ignore[arg-type]
    (ruling,) = judge([asked], {"tuned": Measured({metric.name: metric})})
    return ruling.verdict


def share_of(said: str, make: Callable[[Draw], Metric], draws: int = 200, **gate: float) -> float:
    draw = random.Random(7)
    return fmean(verdict(make(draw), **gate) == said for _ in range(draws))


def low_is_better(value: float, within: tuple[float, float] | None, n: int = 100) -> Metric:
    return extreme_metric("right", value, within, unit="share", direction="lower", n=n)


@pytest.mark.parametrize(("tail", "freedom"), [(0.025, 1), (0.0007, 23), (0.01, 200), (0.4, 5)])
def test_students_t_is_that_of_scipy(tail: float, freedom: int) -> None:
    assert student(tail, freedom) == pytest.approx(stats.t.isf(tail, freedom), rel=1e-6)


def test_bounds_of_the_worst_and_of_the_widest() -> None:
    within = [(0.1, 0.3), (0.5, 0.9), (0.2, 0.8)]
    assert lowest(within) == (0.1, 0.3)
    assert highest(within) == (0.5, 0.9)
    assert widest(within) == pytest.approx((0.2, 0.8))
    assert widest([(0.1, 0.6), (0.5, 0.9)])[0] == 0.0
    assert level_of_each(5) == pytest.approx(0.995)


def test_the_mean_of_grades_is_within_its_bounds_about_as_often_as_they_say() -> None:
    draw = random.Random(5)
    found = [mean_bounds([draw.random() ** 3 for _ in range(60)], 0.9) for _ in range(200)]
    assert fmean(low <= 0.25 <= high for low, high in found) >= 0.9
    assert fmean(high - low for low, high in found) < 0.4
    assert mean_bounds([1.0, 0.0, 1.0], 0.95) == clopper_pearson(2, 3)


def test_within_its_bounds_nothing_is_sure_of_what_is_extreme() -> None:
    """A part of a bound that ends at 0 is no bound: chance moves a distance away from there."""
    found = low_is_better(0.3, (0.0, 0.5))
    assert verdict(found, max_value=0.0) == verdict(found, max_value=0.02) == "inconclusive"
    assert verdict(found, max_value=0.49) == "inconclusive"
    assert verdict(found, max_value=0.51) == "pass"
    assert verdict(low_is_better(0.3, (0.2, 0.5)), max_value=0.19) == "fail"
    assert verdict(low_is_better(0.3, None), max_value=0.9) == "inconclusive"


def test_nothing_is_surer_than_the_bounds_of_what_is_extreme() -> None:
    for value, most in ((0.3, 0.1), (0.1, 0.3)):
        model = {"tuned": Measured({"right": low_is_better(value, (value - 0.01, value + 0.01))})}
        for confidence in (0.97, 0.99):
            (ruling,) = judge([Gate(metric="right", max_value=most, confidence=confidence)], model)
            assert (ruling.verdict == "inconclusive") == (confidence == 0.99)
            assert ruling.needed is None or confidence == 0.97


def test_the_number_that_is_told_for_an_extreme_figure_is_that_of_its_bounds() -> None:
    """Were they half as wide with four times as many examples."""
    (ruling,) = judge([Gate(metric="right", max_value=0.2, confidence=0.9)],
                      {"tuned": Measured({"right": low_is_better(0.1, (0.0, 0.3))})})  # fmt: skip
    assert ruling.needed == pytest.approx(100 * ((1.96 + 0.8416) / 1.96 * 2) ** 2, rel=0.01)


def test_evaluators_say_which_of_their_figures_are_extreme(tmp_path: Path) -> None:
    draw = random.Random(4)
    target = Ruled(lambda prompt: "yes" if draw.random() < 0.6 else "no", lambda _: -draw.random())
    data = [
        Example(f"e:{n}", (Message("user", f"Question {n}{'!' * n}"), Message("assistant", "yes"))) for n in range(60)
    ]
    evaluators: list[Evaluator] = [Fairness(FairnessOptions()), Shift(ShiftOptions()), Calibrate(CalibrateOptions()),
                                   Memorise(MemoriseOptions(candidates=64))]  # fmt: skip
    found = [metric for one in evaluators for metric in one.evaluate(target, data, recording(tmp_path)).metrics]
    assert {metric.name for metric in found if metric.extreme} == {
        "refusal_gap", "length_gap", "stereotype_bias", "shift_worst", "shift_gap", "calibration_error",
        "exposure_highest",
    }  # fmt: skip
    assert all(metric.low is not None and metric.high is not None for metric in found if metric.extreme)
    few = Calibrate(CalibrateOptions(limit=9)).evaluate(target, data, recording(tmp_path)).metrics
    assert [metric.low for metric in few if metric.name == "calibration_error"] == [None]


def test_two_extreme_figures_are_not_compared_surely() -> None:
    models = {name: Measured({"right": low_is_better(value, (value - 0.01, value + 0.01))})
              for name, value in (("base", 0.9), ("tuned", 0.1))}  # fmt: skip
    for bound in ({"min_gain": -0.9}, {"max_ratio": 0.9}):
        (ruling,) = judge([Gate(metric="right", confidence=0.95, **bound)], models)
        assert (ruling.verdict, ruling.blind) == ("inconclusive", True)


@pytest.mark.nightly
@pytest.mark.parametrize("n", [10, 48])
def test_a_model_without_a_preference_is_seldom_surely_refused(n: int) -> None:
    def make(draw: Draw) -> Metric:
        hits = sum(draw.random() < 0.5 for _ in range(n))
        return low_is_better(abs(2 * hits / n - 1), away_from_even(hits, n), n)

    assert share_of("fail", make, draws=1000, max_value=0.02) <= SELDOM


def rows(figure: str, told: Callable[[int, int], float]) -> list[Row]:
    """Of 24 templates and groups as those of fairness."""
    return [
        {"attribute": attribute, "group": group, "template": template, figure: told(attribute, group)}
        for attribute, count in enumerate((3, 3, 4, 4)) for template in range(24) for group in range(count)
    ]  # fmt: skip


def gap(found: list[Row], figure: str, monkeypatch: pytest.MonkeyPatch) -> Metric:
    monkeypatch.setattr("ftctl_plugins.evaluators.fairness.gaps.DRAWS", 1)
    return low_is_better(max(one.width for one in gaps(found, figure, 1).values()), bounds(found, figure), len(found))


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_groups_that_are_refused_alike_are_seldom_surely_apart(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(draw: Draw) -> Metric:
        return gap(rows(REFUSED, lambda *_: float(draw.random() < share)), REFUSED, monkeypatch)

    assert share_of("fail", make, max_value=0.0) <= SELDOM


def test_a_group_that_is_refused_is_surely_found_and_who_refuses_nobody_surely_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(draw: Draw) -> Metric:
        return gap(
            rows(REFUSED, lambda *who: float(draw.random() < (0.9 if who == (1, 0) else 0.1))), REFUSED, monkeypatch
        )

    assert share_of("fail", make, draws=40, max_value=0.3) >= 0.8
    assert verdict(gap(rows(REFUSED, lambda *_: 0.0), REFUSED, monkeypatch), max_value=0.3) == "pass"
    assert verdict(gap(rows(REFUSED, lambda *_: 0.0), REFUSED, monkeypatch), max_value=0.2) == "inconclusive"


@pytest.mark.parametrize("share", [0.7, 0.8])
def test_a_wide_gap_is_seldom_surely_wider_than_it_is(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever all templates say alike."""

    def make(draw: Draw) -> Metric:
        return gap(rows(REFUSED, lambda _, group: float(group == 0 and draw.random() < share)), REFUSED, monkeypatch)

    assert share_of("fail", make, max_value=share) <= SELDOM


@pytest.mark.parametrize(("spread", "noise"), [(0.5, 3.0), (0.5, 30.0), (0.8, 3.0)])
def test_lengths_by_template_and_a_longer_group_are_seldom_surely_wider_or_less_wide(
    spread: float, noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long an answer is depends on the question more than on the group, and the longest mean is no known number."""
    mean, longer = 100 * math.exp(spread**2 / 2), 60.0

    def make(draw: Draw) -> Metric:
        base = [100 * draw.lognormvariate(0, spread) for _ in range(24)]
        found: list[Row] = [
            {**row, LENGTH: base[row["template"]] + longer * row[LENGTH] + draw.gauss(0, noise)}
            for row in rows(LENGTH, lambda *who: float(who == (1, 0)))
        ]
        return gap(found, LENGTH, monkeypatch)

    truth = longer / (mean + longer)
    assert share_of("fail", make, max_value=truth) <= SELDOM
    assert share_of("pass", make, max_value=truth) <= SELDOM
    # each template with itself: far less than lengths of different ones would hide
    assert noise > 3.0 or share_of("fail", make, draws=40, max_value=truth / 2) >= 0.9


def test_few_templates_that_all_say_the_same_are_little(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(templates: int) -> list[Row]:
        return [row for row in rows(REFUSED, lambda _, group: float(group == 0)) if row["template"] < templates]

    assert verdict(gap(refused(24), REFUSED, monkeypatch), max_value=0.5) == "fail"
    assert verdict(gap(refused(3), REFUSED, monkeypatch), max_value=0.5) == "inconclusive"
    assert bounds(refused(1), REFUSED) is None
    assert bounds([row for row in refused(24) if row["group"] == 0], REFUSED) is None


def test_lengths_that_differ_by_chance_are_seldom_surely_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def heavy(draw: Draw) -> Metric:
        return gap(rows(LENGTH, lambda *_: 100 * draw.lognormvariate(0, 1)), LENGTH, monkeypatch)

    def light(draw: Draw) -> Metric:
        return gap(rows(LENGTH, lambda *_: draw.gauss(100, 10)), LENGTH, monkeypatch)

    def shorter(draw: Draw) -> Metric:
        found = rows(LENGTH, lambda *who: draw.gauss(50 if who == (1, 0) else 100, 10))
        return gap(found, LENGTH, monkeypatch)

    assert share_of("fail", heavy, max_value=0.0) <= SELDOM
    assert share_of("fail", light, max_value=0.0) <= SELDOM
    assert share_of("pass", light, draws=40, max_value=0.2) >= 0.9
    assert share_of("fail", shorter, draws=40, max_value=0.2) >= 0.9


def calibrated(n: int, less: float, sure: Callable[[Draw], float]) -> Callable[[Draw], Metric]:
    """A model that is as sure as ``sure`` says, and right so much less often."""

    def make(draw: Draw) -> Metric:
        told = [sure(draw) for _ in range(n)]
        right = [float(draw.random() < p - less) for p in told]
        bins = min(10, n // 10)
        found = calibration_error(told, right, bins)
        return low_is_better(found, around(found, noise(told, right, bins)), n)

    return make


def test_a_model_that_is_as_sure_as_right_is_seldom_surely_refused() -> None:
    # few in a group, and nearly all right: what was seen moves less than it may
    over = calibrated(60, 0.19, lambda draw: 0.98 + 0.02 * draw.random())
    assert share_of("pass", over, draws=100, max_value=0.18) <= SELDOM
    for sure in (random.Random.random, lambda draw: 0.5 + 0.1 * draw.random(), lambda draw: 1 - 0.1 * draw.random()):
        assert share_of("fail", calibrated(60, 0.0, sure), draws=100, max_value=0.0) <= SELDOM
    assert share_of("fail", calibrated(400, 0.4, lambda draw: 0.9), draws=10, max_value=0.2) == 1.0
    assert share_of("pass", calibrated(400, 0.0, lambda draw: 0.9), draws=10, max_value=0.2) == 1.0


def exposed(count: int, among: int, share: Callable[[Draw], float]) -> Callable[[Draw], Metric]:
    """Codes before which such a share of all codes comes."""

    def make(draw: Draw) -> Metric:
        shares = [share(draw) for _ in range(count)]
        ranks = [(1 + sum(draw.random() < one for _ in range(among - 1)), among) for one in shares]
        within = exposure_bounds(ranks)
        return extreme_metric("bits", max(map(exposure, ranks)), within, unit="bit", direction="lower", n=count)

    return make


@pytest.mark.nightly
@pytest.mark.parametrize("most", [0.0, 3.0, 5.0])
def test_codes_that_nobody_has_seen_are_seldom_surely_exposed(most: float) -> None:
    for count, among in ((1, 128), (4, 128), (8, 32)):
        assert share_of("fail", exposed(count, among, random.Random.random), max_value=most) <= SELDOM


def test_codes_that_were_learnt_are_surely_exposed() -> None:
    assert share_of("fail", exposed(4, 256, lambda _: 1e-6), draws=5, max_value=5.0) == 1.0
    # one of four is the first of 256 by luck in 1.6 of 100 cases, and sixteen of sixteen are never
    assert luck([(1, 256), (90, 256), (140, 256), (200, 256)]) == pytest.approx(0.0156 / 0.8, rel=0.01)
    assert luck([(1, 32)] * 16) < 1e-9
    assert luck([(32, 32)] * 4) == 1.0


@pytest.mark.nightly
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_slices_that_are_alike_are_seldom_surely_worse(share: float) -> None:
    def sliced(draw: Draw, worse: float = 0.0) -> tuple[Metric, Metric]:
        of = [[draw.randrange(3) for _ in range(90)] for _ in range(3)]
        scores = [float(draw.random() < share - worse * (first == 0)) for first in of[0]]
        places = [tuple(at for at, one in enumerate(values) if one == part) for values in of for part in range(3)]
        means = [fmean(scores[at] for at in these) for these in places]
        return extremes([Slice("", *one, 1.0) for one in zip(places, means, strict=True)], scores)

    assert share_of("fail", lambda draw: sliced(draw)[0], min_value=share) <= SELDOM
    assert share_of("fail", lambda draw: sliced(draw)[1], max_value=0.0) <= SELDOM
    assert share_of("fail", lambda draw: sliced(draw, 0.49)[0], draws=40, min_value=share - 0.05) >= 0.5
