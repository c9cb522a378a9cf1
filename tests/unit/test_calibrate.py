"""Whether a model is as sure as it is right: against known figures and scikit-learn."""

import math
import random
from pathlib import Path

import pytest

from ftctl.domain.example import Example, Message
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.robustness.calibrate import Calibrate, CalibrateOptions, by_chance, calibration_error
from tests.answering import Ruled


def test_the_error_is_the_mean_distance_within_groups_of_equal_size() -> None:
    assert calibration_error([0.2, 0.4, 0.6, 0.8], [0, 1, 1, 1], 2) == pytest.approx((abs(0.6 - 1) + abs(1.4 - 2)) / 4)
    assert calibration_error([1.0, 1.0], [1.0, 1.0], 10) == 0.0
    assert calibration_error([1.0, 1.0], [0.0, 0.0], 10) == 1.0


def test_the_order_of_equal_probabilities_means_nothing() -> None:
    assert calibration_error([0.5] * 20, [0, 1] * 10, 10) == pytest.approx(0.0)
    assert calibration_error([0.5] * 20, [0] * 10 + [1] * 10, 10) == pytest.approx(0.0)


def test_what_chance_shows_is_told_and_shrinks_with_more_answers() -> None:
    draw = random.Random(7)
    few, many = ([draw.random() for _ in range(n)] for n in (50, 2000))
    assert by_chance(few, 5) > 3 * by_chance(many, 5) > 0


def test_answers_that_were_cut_are_not_counted(tmp_path: Path) -> None:
    data = [Example(f"q{n}", (Message("user", f"q{n}"), Message("assistant", "yes"))) for n in range(12)]
    report = Calibrate(CalibrateOptions()).evaluate(Ruled(lambda p: "yes", ends="length"), data, recording(tmp_path))
    assert report.metrics == ()
    assert "12 answers that were cut are not counted" in report.notes["calibrate"]


def test_who_is_as_sure_as_right_is_near_zero_and_who_is_too_sure_is_not() -> None:
    draw = random.Random(3)
    sure = [draw.random() for _ in range(5000)]
    right = [float(draw.random() < p) for p in sure]
    assert calibration_error(sure, right, 10) < 0.03
    assert calibration_error([math.sqrt(p) for p in sure], right, 10) > 0.1


def test_brier_is_that_of_scikit_learn(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    draw = random.Random(5)
    sure = {f"q{n}": draw.random() for n in range(50)}
    right = {name: draw.random() < 0.5 for name in sure}
    data = [Example(name, (Message("user", name), Message("assistant", "yes"))) for name in sure]
    target = Ruled(lambda p: "yes" if right[p.question] else "no", lambda e: math.log(sure[e.prompt.question]))
    report = Calibrate(CalibrateOptions()).evaluate(target, data, recording(tmp_path))
    brier = next(metric for metric in report.metrics if metric.name == "brier")
    assert brier.value == pytest.approx(metrics.brier_score_loss(list(right.values()), list(sure.values())), abs=1e-12)
    assert all(record["answer"] in ("yes", "no") for record in report.records)
