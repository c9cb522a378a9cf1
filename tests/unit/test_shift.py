"""Slices by clusters of words and by dates."""

import random
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.report import Report
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.robustness.shift import Shift, ShiftOptions, _periods
from tests.answering import Ruled

pytest.importorskip("sklearn")
TOPICS = {
    "weather": ["rain", "storm", "cloud", "sunny", "snow", "forecast", "wind", "degrees"],
    "cooking": ["flour", "butter", "oven", "recipe", "onion", "boil", "garlic", "spoon"],
    "travel": ["train", "ticket", "hotel", "passport", "flight", "luggage", "station", "visa"],
}


def asked(kind: str, number: int) -> Example:
    words = " ".join(random.Random(f"{kind} {number}").choices(TOPICS[kind], k=12))
    return Example(f"{kind}:{number}", (Message("user", words), Message("assistant", "yes")), metadata={"kind": kind})


def measured(data: list[Example], folder: Path, worse: str, **values: object) -> Report:
    """Wrong in two of three where the words of a kind are."""

    def says(question: str) -> str:
        about = any(word in question.split() for word in TOPICS[worse])
        return "no" if about and random.Random(question).random() < 2 / 3 else "yes"

    target = Ruled(lambda prompt: says(prompt.question))
    return Shift(ShiftOptions(**values)).evaluate(target, data, recording(folder))  # type: ignore[arg-type]


def test_a_cluster_of_questions_that_is_worse_is_named_by_its_words(tmp_path: Path) -> None:
    data = [asked(kind, number) for number in range(60) for kind in TOPICS]
    report = measured(data, tmp_path, "cooking", by=("cluster",), clusters=3)
    worse = report.notes["shift"].removeprefix("worse than the rest: ")
    words = worse.partition(" (")[0].split()[2:]
    assert len(words) == 3
    assert set(words) <= set(TOPICS["cooking"])
    assert worse.count("cluster") == 1


def test_fewer_questions_than_clusters_are_one_and_no_slice(tmp_path: Path) -> None:
    data = [asked("travel", number) for number in range(8)] + [asked("cooking", number) for number in range(8)]
    report = measured(data, tmp_path, "cooking", by=("cluster", "kind"), clusters=32, fewest=4)
    assert "cluster" not in report.notes["shift_slices"]


def test_months_are_slices_and_what_is_no_date_is_in_none(tmp_path: Path) -> None:
    dates = {"weather": "2026-03-01", "cooking": "2026-04-17T08:00:00Z", "travel": "soon"}
    data = [asked(kind, number) for number in range(30) for kind in TOPICS]
    data = [evolve(one, metadata={"at": dates[one.metadata["kind"]]}) for one in data]
    report = measured(data, tmp_path, "cooking", by=("date:at",))
    assert report.notes["shift"].startswith("worse than the rest: date:at 2026-04 (30")
    assert "date:at 2026-03" in report.notes["shift_slices"]
    assert "soon" not in report.notes["shift_slices"]


@pytest.mark.parametrize(
    ("dates", "periods"),
    [
        (["2025-12-31", "2026-01-01"], ["2025", "2026"]),
        (["2026-01-31", "2026-02-01"], ["2026-01", "2026-02"]),
        (["2026-01-01", "2026-01-02 10:00"], ["2026-01-01", "2026-01-02"]),
        ([None, "2026-01-02", 7], ["", "2026-01-02", ""]),
    ],
)
def test_a_period_is_as_long_as_it_tells_them_apart(dates: list[object], periods: list[str]) -> None:
    assert _periods(dates) == periods
