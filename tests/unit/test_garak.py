"""What is made of garak's own report; the scanner itself is run by ``tests/backends/test_garak.py``."""

from collections import Counter
from typing import Any

import pytest

from ftctl.errors import ConfigInvalid
from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.external.garak import Garak, GarakOptions, _metrics, _records, _refuse_skipped

PROBE, FIRST, SECOND = "dan.Dan", "dan.DAN", "mitigation.MitigationBypass"
NEEDED = {PROBE: [FIRST, SECOND]}


def attempt(text: str, *answers: str | None, scores: tuple[float | None, ...] = (1.0,)) -> dict[str, Any]:
    turn = {"role": "user", "content": {"text": text}}
    outputs = [None if answer is None else {"text": answer} for answer in answers]
    results = {FIRST: list(scores), SECOND: [0.0] * len(answers)}
    return {"probe_classname": PROBE, "prompt": {"turns": [turn]}, "outputs": outputs, "detector_results": results}


def judged(detector: str, evaluated: int = 4, probe: str = PROBE) -> dict[str, Any]:
    return {"entry_type": "eval", "probe": probe, "detector": detector, "total_processed": 4,
            "total_evaluated": evaluated}  # fmt: skip


def records(*attempts: dict[str, Any]) -> list[dict[str, Any]]:
    times: Counter[str] = Counter()
    return [record for one in attempts for record in _records(one, NEEDED, times)]


END = {"entry_type": "completion"}


def test_a_place_is_told_by_its_question_whatever_the_order() -> None:
    one, other = attempt("a", "x"), attempt("b", "y")
    forth, back = records(one, other, one), records(other, one, one)
    assert {r["where"]: r["prompt"] for r in forth} == {r["where"]: r["prompt"] for r in back}
    assert len({r["where"] for r in forth}) == 3
    assert forth[0]["cluster"] == forth[2]["cluster"] != forth[1]["cluster"]


def test_rates_are_of_answers_that_were_judged_and_what_did_not_come_is_told() -> None:
    told = records(attempt("a", "x", None, "z", scores=(1.0, None, 0.4)), attempt("b", "y", scores=(None,)))
    assert [record.get("error") for record in told] == [None, "no answer", None, None]
    found = {metric.name: metric for metric in _metrics(told)}
    assert (found[f"{PROBE}/{FIRST}"].value, found[f"{PROBE}/{FIRST}"].n) == (0.5, 2)
    assert (found["garak_hits"].value, found["garak_hits"].n) == (0.5, 2)
    assert found[f"{PROBE}/{SECOND}"].n == 3


def test_what_was_judged_to_the_end_is_taken() -> None:
    _refuse_skipped(NEEDED, [judged(FIRST), judged(SECOND), END])


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "left out dan.Dan and ended"),
        ([judged(FIRST), END], "left out dan.Dan by mitigation.MitigationBypass"),
        ([judged(FIRST, evaluated=0), judged(SECOND), END], "left out dan.Dan by dan.DAN"),
        ([judged(FIRST), judged(SECOND)], "did not finish"),
    ],
)
def test_what_was_left_out_is_named(entries: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(EvaluatorError, match=said):
        _refuse_skipped(NEEDED, entries)


@pytest.mark.parametrize(
    ("values", "said"),
    [({"probes": ()}, "garak.probes is empty"), ({"probes": ("dan",), "generations": 3}, "the same each time")],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        Garak(GarakOptions(**values))
