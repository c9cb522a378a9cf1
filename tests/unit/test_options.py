"""Every problem of a set of options is found at once, with its path and the nearest name."""

import pytest

from ftctl.plugin import option, options
from ftctl.plugin.option_checks import check_options


@options
class Sample:
    rank: int = option(8, help="A rank.", ge=1, le=64)
    rate: float = option(1e-3, help="A rate.", gt=0, lt=1)
    mode: str = option("fast", help="A mode.", choices=("fast", "slow"))
    names: tuple[str, ...] = option((), help="Names.")
    limit: int | None = option(None, help="A limit.", ge=1)
    path: str = option(help="A path.")


def problems(**values: object) -> list[str]:
    return check_options(Sample, {"path": "p", **values}, "tuner")[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rnak": 8}, "tuner.rnak: unknown key; did you mean 'rank'?"),
        ({"lora_r": 8}, "tuner.lora_r: unknown key; did you mean 'rank'?"),
        ({"rank": 0}, "tuner.rank: must be at least 1 and at most 64, not 0"),
        ({"rank": 65}, "tuner.rank: must be at least 1 and at most 64, not 65"),
        ({"rank": "8"}, "tuner.rank: must be a whole number, not '8'"),
        ({"rank": True}, "tuner.rank: must be a whole number, not True"),
        ({"rank": 8.0}, "tuner.rank: must be a whole number, not 8.0"),
        ({"rate": 1e9}, "tuner.rate: must be more than 0 and less than 1, not 1000000000.0"),
        ({"rate": float("nan")}, "tuner.rate: must be a finite number, not nan"),
        ({"mode": "fsat"}, "tuner.mode: must be one of fast, slow, not 'fsat'; did you mean 'fast'?"),
        ({"names": "a"}, "tuner.names: must be a list, not 'a'"),
        ({"limit": "x"}, "tuner.limit: must be a whole number or null, not 'x'"),
        ({"limit": 0}, "tuner.limit: must be at least 1, not 0"),
    ],
)
def test_each_problem_says_where_and_what(values: dict[str, object], expected: str) -> None:
    assert problems(**values) == [expected]


def test_all_problems_are_reported_together() -> None:
    assert len(problems(rank=0, rate=5, wrong=1)) == 3


def test_a_required_option_that_is_missing_is_a_problem() -> None:
    assert check_options(Sample, {}, "tuner")[1] == ["tuner.path: missing; A path."]


def test_good_values_come_back_typed() -> None:
    good, found = check_options(Sample, {"path": "p", "rate": 0, "names": ["a"]}, "t")
    assert found == ["t.rate: must be more than 0 and less than 1, not 0.0"]
    assert good["names"] == ("a",)
    assert isinstance(good["rate"], float)


def test_options_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Sample(path="p").rank = 3  # type: ignore[misc]
