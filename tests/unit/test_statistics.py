"""Intervals and tests: what the libraries compute, and the levels that they promise."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from ftctl.domain.metric import mean_metric
from ftctl.domain.statistics.hypothesis_tests import holm, p_gain, p_share
from ftctl.domain.statistics.proportion import away_from_even, binomial_tail, clopper_pearson, wilson
from ftctl_adapters.statistics.bootstrap import figure_error, mean_interval
from ftctl_adapters.statistics.paired import mcnemar, sign_flip
from ftctl_adapters.statistics.slices import below_the_rest

COUNTS = [(0, 1), (1, 1), (0, 20), (20, 20), (3, 20), (19, 20), (50, 100), (1, 256), (999, 1000), (2500, 10_000)]


@pytest.mark.parametrize(("hits", "n"), COUNTS)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_intervals_of_a_share_are_those_of_statsmodels(hits: int, n: int, level: float) -> None:
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        theirs = proportion_confint(hits, n, alpha=1 - level, method=method)
        assert ours(hits, n, level) == pytest.approx(theirs, abs=1e-9)
        assert ours(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "n", "share"), [(3, 10, 0.5), (8, 10, 0.2), (500, 1000, 0.48), (1, 5, 0.999)])
def test_tails_are_those_of_scipy(hits: int, n: int, share: float) -> None:
    assert binomial_tail(hits, n, share) == pytest.approx(stats.binom.sf(hits - 1, n, share), rel=1e-9)


def test_how_far_a_share_is_from_a_half_is_folded() -> None:
    low, high = clopper_pearson(80, 100, 0.975)[0], clopper_pearson(80, 100)[1]
    assert away_from_even(80, 100) == pytest.approx((2 * low - 1, 2 * high - 1))
    assert away_from_even(20, 100) == pytest.approx(away_from_even(80, 100))
    assert away_from_even(50, 100) == pytest.approx((0.0, 2 * clopper_pearson(50, 100)[1] - 1))


@pytest.mark.parametrize("n", [2, 10, 48])
def test_bounds_of_a_preference_are_exact(n: int) -> None:
    """At no preference the lower one, and the upper one at any."""
    bounds = [away_from_even(hits, n) for hits in range(n + 1)]
    even = stats.binom.pmf(range(n + 1), n, 0.5)
    assert sum(mass for mass, (low, _) in zip(even, bounds, strict=True) if low > 0) <= 0.025
    for share in np.linspace(0.5, 1.0, 101):
        told = stats.binom.pmf(range(n + 1), n, share)
        assert sum(mass for mass, (_, high) in zip(told, bounds, strict=True) if high < 2 * share - 1 - 1e-9) <= 0.0251


def test_the_error_of_what_repetition_distorts_is_about_right() -> None:
    """Of the share of different ones among numbers that are drawn."""
    draw = np.random.default_rng(3)

    def distinct(values: Any) -> float:
        return len(set(values.tolist())) / len(values)

    drawn = [draw.zipf(1.5, 400) for _ in range(300)]
    errors = [figure_error(lambda places, of=one: distinct(of[places]), 400) for one in drawn[:60]]
    told = float(np.mean([error for error in errors if error is not None]))
    assert told == pytest.approx(float(np.std([distinct(one) for one in drawn])), rel=0.25)
    assert figure_error(lambda places: 1.0, 1) is None


def test_nothing_of_256_has_an_upper_bound() -> None:
    assert clopper_pearson(0, 256, level=0.9)[1] == pytest.approx(0.0116, abs=1e-4)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (5, 5), (2, 12), (30, 11), (400, 350)])
def test_mcnemar_is_that_of_statsmodels(gained: int, lost: int) -> None:
    theirs = their_mcnemar([[0, gained], [lost, 0]], exact=True).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("n", [3, 9, 16, 60])
def test_sign_flips_are_those_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1, n)
    theirs: Any = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=20_000, rng=1)
    assert sign_flip(values, 20_000) == pytest.approx(theirs.pvalue, abs=1e-9 if n <= 13 else 0.012)
    assert sign_flip(-values, 20_000, seed=3) == pytest.approx(sign_flip(values, 20_000), abs=0.012)


def test_no_difference_is_none_and_p_is_never_nothing() -> None:
    assert sign_flip(np.zeros(9)) == 1.0
    assert 0 < sign_flip(np.ones(500), 1000) <= 1 / 1001 + 1e-12


def test_holm_is_that_of_statsmodels() -> None:
    values = [0.01, 0.04, 0.03, 0.005, 0.5, 0.5]
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1].tolist())
    assert holm([]) == []


def test_bounds_of_a_mean_are_those_of_scipy() -> None:
    values = np.random.default_rng(4).exponential(2.0, 80)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=2).confidence_interval
    assert mean_interval(values, draws=20_000) == pytest.approx((theirs.low, theirs.high), abs=0.06)
    assert mean_interval(np.full(9, 0.25)) == (0.25, 0.25)


def test_alike_models_are_rarely_called_different() -> None:
    """A-vs-A: two thousand pairs of runs of one model, whose answers differ by chance alone.

    Of 800 questions: the exact test says less than it may where few answers differ, 0.032 of 200.
    """
    draw = np.random.default_rng(7)
    one, other = (draw.random((2000, 800)) < 0.7 for _ in range(2))
    alarms = {"mcnemar": 0, "flip": 0}
    for a, b in zip(one, other, strict=True):
        alarms["mcnemar"] += mcnemar(int((a & ~b).sum()), int((b & ~a).sum())) <= 0.05
        alarms["flip"] += sign_flip(a.astype(float) - b, 400) <= 0.05
    assert 0.035 <= alarms["mcnemar"] / 2000 <= 0.062
    assert 0.035 <= alarms["flip"] / 2000 <= 0.062


def test_gates_and_slices_alarm_as_often_as_they_may() -> None:
    """Shares and gains that are exactly at their bound, and a slice that is like the rest: two thousand of each."""
    draw, alarms = np.random.default_rng(11), {"share": 0, "gain": 0, "margin": 0, "slice": 0}
    for _ in range(2000):
        right = (draw.random(800) < 0.7).astype(float).tolist()
        even, behind = (draw.choice([1.0, 0.0, -1.0], 800, p=[gained, 1 - gained - lost, lost]).tolist()
                        for gained, lost in ((0.2, 0.2), (0.19, 0.21)))  # fmt: skip
        alarms["share"] += p_share(right, 0.7) <= 0.05
        alarms["gain"] += p_gain(even, 0.0) <= 0.05
        alarms["margin"] += p_gain(behind, -0.02) <= 0.05
        alarms["slice"] += below_the_rest(draw.random(120).tolist(), range(30), draws=199) <= 0.05
    for name, count in alarms.items():
        assert 0.035 <= count / 2000 <= 0.062, name


def test_rows_of_one_document_count_as_one() -> None:
    """Intervals that take ten rows of a document for ten observations miss the truth far too often."""
    draw = np.random.default_rng(9)
    held = {"clusters": 0, "rows": 0}
    for number in range(300):
        documents = draw.normal(0, 1, 30)
        values, names = np.repeat(documents, 10) + draw.normal(0, 0.1, 300), np.repeat(np.arange(30), 10)
        for kind, clusters in (("clusters", names), ("rows", None)):
            low, high = mean_interval(values, draws=400, seed=number, clusters=clusters)
            held[kind] += low <= 0 <= high
    assert held["clusters"] / 300 >= 0.89
    assert held["rows"] / 300 <= 0.6


@pytest.mark.parametrize(("n", "share"), [(20, 0.95), (50, 0.98), (200, 0.5)])
def test_bounds_of_a_share_hold_the_truth_as_often_as_they_say(n: int, share: float) -> None:
    metrics = [
        mean_metric("right", [1.0] * k + [0.0] * (n - k), unit="share", direction="higher") for k in range(n + 1)
    ]
    held = [(one.low or 0) <= share <= (one.high or 0) for one in metrics]
    assert sum(stats.binom.pmf(k, n, share) for k in range(n + 1) if held[k]) >= 0.92
