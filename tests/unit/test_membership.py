"""What can be told of who was trained on, and perplexities by word and byte."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.metric import Metric
from ftctl.errors import NoUsableRows
from ftctl.ports import Score
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.quality.perplexity import Perplexity, PerplexityOptions
from ftctl_plugins.evaluators.safety.membership import Membership, MembershipOptions, _error
from tests.answering import Ruled, babble


def rows(name: str, count: int) -> list[Example]:
    return [Example(f"{name}:{n}", (Message("user", f"{name} {n}"), Message("assistant", "yes"))) for n in range(count)]


def auc(folder: Path, shift: float, count: int = 400, seed: int = 0) -> Metric:
    """Of a model to which rows of the train split are so much more probable, beside noise of deviation 1."""
    draw = random.Random(seed)
    noise = {row.where: draw.gauss(shift if row.where.startswith("train") else 0.0, 1.0)
             for row in (*rows("train", count), *rows("test", count))}  # fmt: skip
    context = evolve(recording(folder), training=lambda: iter(rows("train", count)))
    target = Ruled(babble, lambda example: noise[example.where])
    report = Membership(MembershipOptions(limit=count)).evaluate(target, rows("test", count), context)
    return report.metrics[0]


def test_it_is_the_share_that_is_known_of_two_normal_distributions(tmp_path: Path) -> None:
    """Of a normal variable that is shifted by d deviations it is Phi(d / sqrt 2)."""
    for shift, known in ((0.0, 0.5), (1.0, 0.7602), (3.0, 0.9831)):
        found = auc(tmp_path, shift)
        assert found.stderr is not None
        assert abs(found.value - known) < 3.5 * found.stderr + 1e-3


def test_the_error_is_that_of_figures_drawn_anew(tmp_path: Path) -> None:
    told = [auc(tmp_path, 1.0, 60, seed) for seed in range(200)]
    values = [one.value for one in told]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    errors = [one.stderr for one in told if one.stderr]
    assert sum(errors) / len(errors) == pytest.approx(spread, rel=0.2)
    assert _error(1.0, 10, 10) == 0.0


def test_rows_that_are_alike_are_told_apart_half_of_the_time(tmp_path: Path) -> None:
    context = evolve(recording(tmp_path), training=lambda: iter(rows("train", 5)))
    report = Membership(MembershipOptions()).evaluate(Ruled(babble), rows("test", 7), context)
    assert (report.metrics[0].value, report.metrics[0].n) == (0.5, 7)
    with pytest.raises(NoUsableRows, match="train split and of the test split"):
        Membership(MembershipOptions()).evaluate(Ruled(babble), [], context)


def test_perplexity_by_word_and_byte_is_over_what_the_text_has(tmp_path: Path) -> None:
    data = [Example("p:1", (Message("user", "?"), Message("assistant", "red tea")))]
    data += [Example("p:2", (Message("user", "?"), Message("assistant", "红茶")))]
    target = Ruled(babble, lambda example: -6.0)
    report = Perplexity(PerplexityOptions(more=("word", "byte"))).evaluate(target, data, recording(tmp_path))
    found = {metric.name: metric.value for metric in report.metrics}
    assert found["word_perplexity"] == pytest.approx(math.exp(12 / 3))
    assert found["byte_perplexity"] == pytest.approx(math.exp(12 / 13))
    assert found["bits_per_byte"] == pytest.approx(12 / 13 / math.log(2))


def test_rows_that_were_not_scored_are_told_and_in_no_figure(tmp_path: Path) -> None:
    class Lossy(Ruled):
        def score(self, examples: Sequence[Example]) -> list[Score]:
            return [
                Score.missing("gone") if place == 1 else score for place, score in enumerate(super().score(examples))
            ]

    context = evolve(recording(tmp_path), training=lambda: iter(rows("row", 20)))
    target = Lossy(babble, lambda example: -float(example.where.rpartition(":")[2]))
    report = Membership(MembershipOptions(limit=20)).evaluate(target, rows("row", 20), context)
    lost = [record["where"] for record in report.records if "error" in record]
    assert len(lost) == len(set(lost)) == 2
    assert (report.metrics[0].n, len(report.records)) == (19, 21)
    assert math.isfinite(report.metrics[0].value)
