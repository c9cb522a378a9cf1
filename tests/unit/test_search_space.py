"""Search spaces: every mistake is told at once, before anything runs."""

from pathlib import Path

import pytest

from ftctl.errors import ConfigInvalid
from ftctl_adapters.search.space import read_space

GOOD = """
metric: tuned.exact_match
trials: 3
parameters:
  tuner.learning_rate: {low: 1e-5, high: 1e-3, log: true}
  tuner.rank: {choices: [4, 8]}
  tuner.num_train_epochs: {low: 1, high: 4}
"""


def test_a_space_knows_its_ranges_and_where_better_is(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(GOOD)
    space = read_space(tmp_path / "space.yaml")
    assert space.towards == "maximize"
    assert space.ranges["tuner.rank"].choices == (4, 8)
    assert space.ranges["tuner.num_train_epochs"].whole
    assert not space.ranges["tuner.learning_rate"].whole


@pytest.mark.parametrize(
    ("metric", "towards"), [("validation_loss", "minimize"), ("tuned.perplexity", "minimize"), ("tuned.f1", "maximize")]
)
def test_the_direction_follows_from_the_metric(tmp_path: Path, metric: str, towards: str) -> None:
    (tmp_path / "space.yaml").write_text(GOOD.replace("tuned.exact_match", metric))
    assert read_space(tmp_path / "space.yaml").towards == towards


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metric: validation_loss\n", "name at least one key"),
        ("parameters: {tuner.rank: 8}\n", "must be a mapping like"),
        ("parameters: {tuner.rank: {low: 8, high: 4}}\n", "low must be less than high"),
        ("parameters: {tuner.rank: {low: 0, high: 4, log: true}}\n", "more than 0 for a logarithm"),
        ("parameters: {tuner.rank: {low: 1, choices: [2]}}\n", "either low and high, or choices"),
        ("parameters: {tuner.rank: {lo: 1, high: 2}}\n", "did you mean 'low'?"),
        ("metric: base.f1\nparameters: {tuner.rank: {choices: [1]}}\n", "must be validation_loss, or begin with"),
        ("trails: 3\nparameters: {tuner.rank: {choices: [1]}}\n", "did you mean 'trials'?"),
        ("[1]\n", "a search space is a mapping"),
    ],
)
def test_a_mistake_is_told_with_its_path(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "space.yaml").write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        read_space(tmp_path / "space.yaml")
    assert said in " ".join((caught.value.what, *caught.value.details))
