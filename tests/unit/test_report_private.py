"""What a report shows of examples where personal data was looked for."""

from pathlib import Path
from typing import Any

from ftctl_adapters.report.private import hiding

MAIL = "anna.schmidt@example.org"


def measured(folder: Path, *evaluators: str) -> Path:
    folder.mkdir()
    for name in evaluators:
        (folder / f"{name}.samples.jsonl").touch()
    return folder


def test_values_are_hidden_wherever_they_stand_and_places_are_not(tmp_path: Path) -> None:
    hide = hiding([measured(tmp_path / "base"), measured(tmp_path / "tuned", "pii", "text-metrics")])
    told: dict[str, Any] = {"where": f"{MAIL}.jsonl:3", "answer": f"Write to {MAIL}.", "f1": 0.5, "nearest": [
        {"prompt": "Who?", "answer": "4111 1111 1111 1111"}, "version 3.11.7"
    ]}  # fmt: skip
    assert hide(told) == {"where": f"{MAIL}.jsonl:3", "answer": "Write to [EMAIL].", "f1": 0.5, "nearest": [
        {"prompt": "Who?", "answer": "[CREDIT_CARD]"}, "version 3.11.7"
    ]}  # fmt: skip


def test_a_value_that_several_tokens_spell_is_hidden_in_each(tmp_path: Path) -> None:
    hide = hiding([measured(tmp_path / "tuned", "pii")])
    tokens = ["Write", " to", " ", "anna", ".sch", "midt@", "", "example", ".org", ".", " Now"]
    hidden = ["Write", " to", " ", "▒", "▒", "▒", "", "▒", "▒", ".", " Now"]
    assert hide([{"tokens": tokens, "scores": [0.1] * 11}]) == [{"tokens": hidden, "scores": [0.1] * 11}]
    assert hide({"tokens": 12}) == {"tokens": 12}


def test_where_nobody_looked_for_it_examples_are_shown_as_they_are(tmp_path: Path) -> None:
    told = {"answer": MAIL}
    assert hiding([measured(tmp_path / "tuned", "text-metrics")])(told) == told
