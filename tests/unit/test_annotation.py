"""What annotators said: how it comes in and goes out, how far they agree, and the pairs that are made of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from ftctl.domain.example import Example, Message, Rejection
from ftctl.domain.outcome import Dropped
from ftctl.errors import DataError
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator
from ftctl.testing.contracts.data_operator import judged
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.bootstrap import build_registry
from ftctl_adapters.records.annotations import annotations, argilla_record, label_studio_task, portable
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.tables import Placed
from ftctl_adapters.statistics.agreement import agreement

N = float("nan")
PUBLISHED = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]).T  # fmt: skip
"""Krippendorff, Computing Krippendorff's alpha-reliability, 2011: four observers, twelve units."""


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path / "stage", data_seed=7, memory_bytes=1 << 24)


def operator(name: str, **values: Any) -> DataOperator:
    found: DataOperator = make(build_registry().find("data_operator", name), values)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_is_what_was_published(level: str, value: float) -> None:
    found = agreement(PUBLISHED, "alpha", level)
    assert round(found.value or 0, 3) == value
    assert found.items == 11
    assert found.low is not None
    assert found.high is not None
    assert found.low < value < found.high


def drawn(raters: int, seed: int = 0) -> Any:
    draw = np.random.default_rng(seed)
    ratings = draw.integers(0, 4, (300, raters)).astype(float)
    ratings[:150] = ratings[:150, :1]
    return ratings


def test_kappas_are_those_of_the_libraries() -> None:
    two, five = drawn(2), drawn(5)
    assert agreement(two, "cohen").value == pytest.approx(cohen_kappa_score(*two.T), abs=1e-12)
    table = aggregate_raters(five.astype(int))[0]
    assert agreement(five, "fleiss").value == pytest.approx(fleiss_kappa(table), abs=1e-12)


def test_the_interval_narrows_with_more_items() -> None:
    few, many = agreement(drawn(2)[::10], "cohen"), agreement(np.concatenate([drawn(2, n) for n in range(9)]), "cohen")
    assert (few.high or 0) - (few.low or 0) > 3 * ((many.high or 0) - (many.low or 0))


@pytest.mark.parametrize(
    ("ratings", "metric", "why"),
    [
        ([[1, 1], [1, 1]], "alpha", "every rating is the same"),
        ([[1, 1], [1, 1]], "cohen", "every rating is the same"),
        ([[1, 1], [1, 1]], "fleiss", "every rating is the same"),
        ([[1, N], [N, 2]], "alpha", "no item has two ratings"),
        ([[1], [2]], "cohen", "1 raters; cohen is of two"),
        ([[1], [2]], "fleiss", "no item has two ratings"),
        ([[1, 2, N], [1, 2, 2]], "fleiss", "different numbers of ratings"),
    ],
)
def test_what_is_undefined_says_why(ratings: Any, metric: str, why: str) -> None:
    found = agreement(np.array(ratings, float), metric)
    assert found.value is None
    assert why in found.undefined


def said(*labels: Any) -> dict[str, Any]:
    return {"annotations": [{"by": f"r{n}", "name": "good", "value": label} for n, label in enumerate(labels)]}


def rows(*several: Any) -> list[Example]:
    return [Example(f"r:{n}", text=f"text {n}", metadata=said(*labels)) for n, labels in enumerate(several)]


def test_agreement_of_a_data_set_is_told_and_can_end_the_run(context: StageContext) -> None:
    asked = rows(("yes", "yes"), ("no", "no"), ("yes", "yes"), ("no", "no"))
    assert not [one for one in judged(operator("agreement", question="good"), asked, context) if one.state]
    told = [data["note"] for _, data in context.settings["events"] if "note" in data]
    assert told[0].startswith("alpha of 'good' over 4 items: 1.000")
    apart = rows(("yes", "no"), ("no", "yes"), ("yes", "no"))
    judged(operator("agreement", question="good"), apart, context)
    assert any("less than 0.67" in data.get("message", "") for _, data in context.settings["events"])
    with pytest.raises(DataError, match="at least 0.67 is asked for"):
        judged(operator("agreement", question="good", on_low="fail"), apart, context)
    with pytest.raises(DataError, match="every rating is the same"):
        judged(operator("agreement", question="good", on_low="fail"), rows(("yes", "yes")), context)
    with pytest.raises(DataError, match="a value is no number"):
        judged(operator("agreement", question="good", level="interval"), asked, context)


TASK = {
    "id": 7, "data": {"prompt": "Why?", "completion": "So."}, "meta": {},
    "annotations": [
        {"completed_by": {"email": "a@example.org"},
         "result": [{"from_name": "good", "type": "choices", "value": {"choices": ["yes"]}},
                    {"from_name": "stars", "type": "rating", "value": {"rating": 4}}]},
        {"completed_by": 2, "result": [{"from_name": "good", "type": "choices", "value": {"choices": ["no"]}}]},
        {"completed_by": 3, "was_cancelled": True, "result": []},
    ],
}  # fmt: skip
RECORD = {
    "id": "7", "fields": {"prompt": "Why?", "completion": "So."}, "metadata": {"topic": "talk"},
    "responses": {
        "good": [{"value": "yes", "user_id": "a@example.org", "status": "submitted"},
                 {"value": "no", "user_id": "2", "status": "submitted"},
                 {"value": "yes", "user_id": "3", "status": "discarded"}],
        "stars": [{"value": 4, "user_id": "a@example.org", "status": "submitted"}],
    },
}  # fmt: skip


def read(values: Any) -> Example:
    (found,) = ExampleReader().read([Placed("f:1", values)])
    assert isinstance(found, Example), found
    return found


@pytest.mark.parametrize(("values", "out"), [(TASK, label_studio_task), (RECORD, argilla_record)])
def test_every_annotators_word_comes_in_and_goes_out(values: Any, out: Any) -> None:
    found = read(values)
    assert [turn.content for turn in found.messages] == ["Why?", "So."]
    told = {(one["by"], one["name"], one["value"]) for one in annotations(found)}
    assert told == {("a@example.org", "good", "yes"), ("2", "good", "no"), ("a@example.org", "stars", 4)}
    again = read(json.loads(json.dumps(out(found, 1))))
    assert again.messages == found.messages
    assert {(one["by"], one["name"], one["value"]) for one in annotations(again)} == told


@pytest.mark.parametrize(
    "values",
    [
        {"fields": {"text": "a"}, "responses": ["a"]},
        {"data": {"text": "a"}, "annotations": [{"result": ["a"]}]},
        {"data": {"text": "a"}, "annotations": [{"result": [{"type": "choices", "value": ["a"]}]}]},
        {"data": {"text": "a"}, "annotations": ["a"]},
    ],
)
def test_an_export_of_another_shape_is_a_refused_row(values: Any) -> None:
    (found,) = ExampleReader().read([Placed("f:1", values)])
    assert isinstance(found, Rejection)
    assert "must be an object" in found.reason


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("textarea", {"text": ["well said"]}, "well said"),
        ("pairwise", {"selected": "left"}, "left"),
        ("ranker", {"ranks": [1, 2]}, {"ranks": [1, 2]}),
    ],
)
def test_no_kind_of_answer_is_lost(kind: str, value: Any, said: Any) -> None:
    result = [{"from_name": "q", "type": kind, "value": value}]
    found = read({"data": {"text": "a"}, "annotations": [{"completed_by": 1, "result": result}]})
    assert annotations(found) == [{"by": "1", "name": "q", "value": said}]


@pytest.mark.parametrize("out", [lambda row, n: portable(row), label_studio_task, argilla_record])
def test_a_preference_pair_goes_out_as_one(out: Any) -> None:
    turns = (Message("user", "a"), Message("assistant", "good"))
    row = Example("r:1", turns, rejected=(Message("assistant", "bad"),), parents=("r:0",))
    again = read(json.loads(json.dumps(out(row, 1))))
    assert (again.messages, again.rejected) == (row.messages, row.rejected)


def test_what_has_no_rank_is_not_the_best() -> None:
    found = read({"prompt": "?", "responses": [{"text": "unranked"}, {"text": "best", "rank": 1}]})
    assert found.answer == "best"


def answers(**values: Any) -> Example:
    return read({"prompt": "Which?", **values})


RATED = [{"text": "poor", "rating": 1}, {"text": "best", "rating": 5}, {"text": "fair", "rating": 3}]


def test_pairs_are_the_best_and_the_worst(context: StageContext) -> None:
    (found,) = judged(operator("pairs"), [answers(responses=RATED)], context)
    assert (found.answer, found.rejected[0].content) == ("best", "poor")
    ranked = [{"text": text, "rank": place} for place, text in enumerate(("first", "second", "third"), 1)]
    (found,) = judged(operator("pairs", of="rankings"), [answers(responses=ranked)], context)
    assert (found.answer, found.rejected[0].content) == ("first", "third")
    sampled = answers(completion="right", responses=[{"text": "right "}, {"text": "wrong"}])
    (found,) = judged(operator("pairs", of="samples"), [sampled], context)
    assert (found.answer, found.rejected[0].content) == ("right", "wrong")
    assert "responses" not in found.metadata


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ([{"text": "a", "rating": 3}, {"text": "b", "rating": 3.5}], "ratings differ by less than 1"),
        ([{"text": "a", "rating": 3}, {"text": "b"}], "fewer than two responses with a rating"),
    ],
)
def test_what_hardly_differs_is_no_pair(listed: Any, why: str, context: StageContext) -> None:
    assert judged(operator("pairs"), [answers(responses=listed)], context) == [Dropped("filtered", why)]
    plain = Example("r:1", (Message("user", "a"), Message("assistant", "b")))
    assert judged(operator("pairs"), [plain], context) == [Dropped("filtered", "no responses to compare")]
