"""Rows of several files: their shares, their end, their order."""

import json
from collections import Counter
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Rejection
from ftctl.domain.interleave import ALL
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_plugins.data_sources.mix import MixOptions, MixSource


@pytest.fixture
def seeded(context: StageContext) -> StageContext:
    """As the data stage gives it."""
    return evolve(context, settings=context.settings | {"data_seed": 7})


@pytest.fixture
def paths(tmp_path: Path) -> tuple[str, str]:
    made = []
    for name, count in (("general", 3000), ("domain", 400)):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(json.dumps({"text": f"{name} {number}"}) for number in range(count)))
        made.append(str(path))
    return made[0], made[1]


def drawn(source: MixSource, context: StageContext) -> list[str]:
    return [row.text for row in source.examples(context) if isinstance(row, Example)]


def test_it_ends_with_the_first_file_that_is_used_up_and_keeps_the_shares(
    paths: tuple[str, str], seeded: StageContext
) -> None:
    source = MixSource(MixOptions(paths=paths, probabilities=(0.5, 0.5)))
    found = Counter(text.split()[0] for text in drawn(source, seeded))
    assert found["domain"] == 400
    assert 0.8 < found["general"] / found["domain"] < 1.25
    told = [data["mixed"] for _, data in seeded.settings["events"] if "mixed" in data]
    assert told == [{paths[0]: found["general"], paths[1]: 400}]


def test_shares_are_what_is_drawn(paths: tuple[str, str], seeded: StageContext) -> None:
    found = Counter(text.split()[0] for text in drawn(MixSource(MixOptions(paths=paths, probabilities=(3, 1))), seeded))
    assert 2.4 < found["general"] / found["domain"] < 3.7


def test_every_row_can_be_taken_once_and_in_the_order_of_its_file(paths: tuple[str, str], seeded: StageContext) -> None:
    found = drawn(MixSource(MixOptions(paths=paths, stopping_strategy=ALL)), seeded)
    assert len(found) == len(set(found)) == 3400
    for name in ("general", "domain"):
        numbers = [int(text.split()[1]) for text in found if text.startswith(name)]
        assert numbers == sorted(numbers)


def test_the_seed_decides_and_nothing_else(paths: tuple[str, str], seeded: StageContext) -> None:
    source = MixSource(MixOptions(paths=paths))
    assert drawn(source, seeded) == drawn(source, seeded)
    assert drawn(source, seeded) != drawn(source, evolve(seeded, settings=seeded.settings | {"data_seed": 8}))


def test_a_row_that_cannot_be_used_is_told_with_its_place(paths: tuple[str, str], seeded: StageContext) -> None:
    Path(paths[1]).write_text('{"text": "fine"}\n{"txet": 1}\n')
    refused = [row for row in MixSource(MixOptions(paths=paths)).examples(seeded) if isinstance(row, Rejection)]
    assert [row.where.rpartition("/")[2] for row in refused] == ["domain.jsonl:2"]


def test_the_fingerprint_follows_files_and_shares(paths: tuple[str, str]) -> None:
    one = MixSource(MixOptions(paths=paths)).fingerprint()
    assert MixSource(MixOptions(paths=paths, probabilities=(2, 1))).fingerprint() != one
    Path(paths[0]).write_text('{"text": "other"}')
    assert MixSource(MixOptions(paths=paths)).fingerprint() != one


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"paths": ("a",)}, "needs two files"),
        ({"paths": ("a", "b"), "probabilities": (1.0,)}, "1 for 2 files"),
        ({"paths": ("a", "b"), "probabilities": (1.0, 0.0)}, "greater than 0"),
    ],
)
def test_shares_that_do_not_fit_are_refused(options: dict[str, object], line: str) -> None:
    with pytest.raises(DataSourceError, match=line):
        MixSource(MixOptions(**options))  # type: ignore[arg-type]
