"""What is made of PyRIT's attacks; the framework itself is run by ``tests/backends/test_pyrit.py``."""

from pathlib import Path
from typing import Any

import pytest

from ftctl.errors import ConfigInvalid
from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.external.pyrit import (
    Pyrit,
    PyritOptions,
    _metrics,
    in_order,
    planned,
    read_objectives,
    record_of,
    refuse_unfinished,
)

LED = {"attacks": ("red_teaming",), "attacker_model": "bold", "attacker_url_env": "ATTACKER"}


def became(objective: str, converter: str = "plain", **more: Any) -> dict[str, Any]:
    made = {"attack": "prompt_sending", "converter": converter, "objective": objective, "outcome": "failure",
            "turns": 1, "prompt": "asked", "answer": "no"}  # fmt: skip
    return {**made, **more}


def test_a_line_is_an_objective_and_its_number_is_its_name(tmp_path: Path) -> None:
    place = tmp_path / "objectives.jsonl"
    place.write_text(
        '{"objective": "Sing.", "hit": "la"}\n\n{"objective": "喝水。", "hit": "水", "more": 1}\n', "utf-8"
    )
    expected = [{"id": "1", "text": "Sing.", "hit": "la"}, {"id": "3", "text": "喝水。", "hit": "水"}]
    assert read_objectives(str(place)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('{"objective": "a", "hit": "b"}\n{"objective": "a"}\n', "line 2 of"),
        ('{"objective": "a", "hit": " "}\n', "line 1 of"),
        ('{"objective": 3, "hit": "b"}\n', "line 1 of"),
        ("[1]\n", "line 1 of"),
        ("nothing\n", "line 1 of"),
    ],
)
def test_what_is_no_objective_is_named(tmp_path: Path, text: str, said: str) -> None:
    place = tmp_path / "objectives.jsonl"
    place.write_text(text, "utf-8")
    with pytest.raises(EvaluatorError, match=said):
        read_objectives(str(place))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluatorError, match=r"pyrit\.objectives: cannot read .*absent"):
        read_objectives(str(tmp_path / "absent"))


def test_attacks_stand_in_the_order_of_the_plan_and_one_that_was_left_out_is_named() -> None:
    options = PyritOptions(objectives="x", attacks=("prompt_sending",), converters=("plain", "ROT13Converter"))
    plan = planned(options, [{"id": "1"}, {"id": "2"}])
    found = [became("2", "ROT13Converter"), became("1"), became("1", "ROT13Converter"), became("2")]
    names = [record_of(one)["where"] for one in in_order(found, plan)]
    assert names == ["prompt_sending/plain.1", "prompt_sending/plain.2",
                     "prompt_sending/ROT13Converter.1", "prompt_sending/ROT13Converter.2"]  # fmt: skip
    with pytest.raises(EvaluatorError, match="left out prompt_sending/ROT13Converter on objective 2: .* invalid"):
        in_order(found[1:], plan)


def test_rates_are_of_attacks_that_came_to_an_end_and_the_others_are_told() -> None:
    told = [became("1", outcome="success"), became("2"), became("3", outcome="none"), became("4", error="Busy: no")]
    del told[3]["outcome"]
    records = list(map(record_of, told))
    assert [record.get("error") for record in records] == [None, None, "no answer", "Busy: no"]
    found = {metric.name: metric for metric in _metrics(records)}
    assert found.keys() == {"pyrit_hits", "prompt_sending/plain"}
    assert {(metric.value, metric.n, metric.direction) for metric in found.values()} == {(0.5, 2, "lower")}


def test_an_attack_that_failed_though_the_model_answered_is_no_measurement() -> None:
    records = [record_of(became(str(number), error="Busy: no", outcome="none")) for number in range(2)]
    records += [record_of(became(str(number))) for number in range(2, 10)]
    refuse_unfinished(records, 2)
    with pytest.raises(EvaluatorError, match=r"2 of 10 attacks came to no end \(Busy: no\)"):
        refuse_unfinished(records, 1)
    with pytest.raises(EvaluatorError, match="2 of 2"):
        refuse_unfinished(records[:2], 2)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"attacks": ()}, "attacks is empty"),
        ({"attacks": ("crescendo",)}, "'crescendo' is none"),
        ({"converters": ()}, "converters is empty"),
        ({"converters": ("plain", "plain")}, "converters names one twice"),
        ({"attacks": ("skeleton_key", "skeleton_key")}, "attacks names one twice"),
        ({"attacks": ("red_teaming",)}, "led by another model"),
        ({**LED, "attacker_url_env": None}, "led by another model"),
        ({**LED, "attacks": ("prompt_sending",)}, "led by another model"),
        ({"attacker_key_env": "KEY"}, "led by another model"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_made(values: dict[str, Any], said: str) -> None:
    Pyrit(PyritOptions(objectives="x", **LED))
    with pytest.raises(ConfigInvalid, match=said):
        Pyrit(PyritOptions(objectives="x", **values))


def test_another_file_of_objectives_is_another_measurement(tmp_path: Path) -> None:
    place = tmp_path / "objectives.jsonl"
    place.write_text('{"objective": "a", "hit": "b"}', "utf-8")
    first = Pyrit(PyritOptions(objectives=str(place))).fingerprint()
    place.write_text('{"objective": "a", "hit": "c"}', "utf-8")
    assert Pyrit(PyritOptions(objectives=str(place))).fingerprint() != first
