"""The search over an own trial function: no combination twice, none left out, numbers without gaps."""

from pathlib import Path
from typing import Any

import pytest

from ftctl_adapters.search.space import Space
from ftctl_adapters.search.study import Outcome, Search, Watch

CHOICES = {"tuner.rank": {"choices": [4, 8, 16]}}


def searched(folder: Path, trials: int, parameters: dict[str, Any], seed: int = 0) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []

    def trial(values: dict[str, Any], watch: Watch) -> Outcome:
        return Outcome("run", float(sum(map(float, values.values()))))

    space = Space(trials=trials, parameters=parameters, seed=seed)
    return Search(space, folder, trial, said.append).go(), said


@pytest.mark.parametrize("seed", range(4))
def test_as_many_trials_as_combinations_try_each_once(tmp_path: Path, seed: int) -> None:
    found, _ = searched(tmp_path, 3, CHOICES, seed)
    assert sorted(row["parameters"]["tuner.rank"] for row in found["trials"]) == [4, 8, 16]
    assert [row["trial"] for row in found["trials"]] == [1, 2, 3]


def test_a_space_that_is_exhausted_ends_the_search(tmp_path: Path) -> None:
    whole = {"a": {"choices": [1, 2]}, "b": {"low": 1, "high": 2}}
    found, said = searched(tmp_path, 10, whole)
    assert len(found["trials"]) == 4
    assert said[-1] == "every combination of the space has been tried"
    again, said = searched(tmp_path, 10, whole)
    assert again == found
    assert said == ["every combination of the space has been tried"]


def test_a_continuous_space_is_never_exhausted(tmp_path: Path) -> None:
    found, _ = searched(tmp_path, 5, {"a": {"low": 0.5, "high": 1.5}, "b": {"choices": [1]}})
    assert len(found["trials"]) == 5
