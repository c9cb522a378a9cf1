"""What a report shows of examples where personal data was looked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from ftctl.errors import UsageError
from ftctl_adapters.report import pii_masking as private
from ftctl_adapters.report.comparison import compare
from ftctl_adapters.report.pii_masking import HIDDEN, hiding

MAIL = "anna.schmidt@example.org"


def measured(folder: Path, **records: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for name, found in records.items():
        lines = "".join(json.dumps(record) + "\n" for record in found)
        (folder / f"{name.replace('_', '-')}.samples.jsonl").write_text(lines)
    return folder


def test_values_are_hidden_wherever_they_stand_and_places_are_not(tmp_path: Path) -> None:
    hide = hiding([measured(tmp_path / "base"), measured(tmp_path / "tuned", pii=[])])
    told: dict[str, Any] = {"where": f"{MAIL}.jsonl:3", "answer": f"Write to {MAIL}.", "f1": 0.5, "nearest": [
        {"prompt": "Who?", "answer": "4111 1111 1111 1111"}, "version 3.11.7"
    ]}  # fmt: skip
    assert hide(told) == {"where": f"{MAIL}.jsonl:3", "answer": "Write to [EMAIL].", "f1": 0.5, "nearest": [
        {"prompt": "Who?", "answer": "[CREDIT_CARD]"}, "version 3.11.7"
    ]}  # fmt: skip


def test_an_answer_that_was_cut_within_a_value_is_not_shown(tmp_path: Path) -> None:
    """Who measured `pii` asked for more tokens, and so knows that there is one."""
    known = [{"where": "t:1", "answer": "Her mail is [EMAIL], his [EMAIL]."}, {"where": "t:2", "error": "lost"}]
    hide = hiding([measured(tmp_path / "tuned", pii=known)])
    assert hide({"where": "t:1", "answer": f"Her mail is {MAIL}, his bob@exam"})["answer"] == HIDDEN
    assert hide({"where": "t:1", "before": "Her mail is anna.schm", "after": "I do not know."}) == {
        "where": "t:1", "before": HIDDEN, "after": HIDDEN,
    }  # fmt: skip
    assert hide({"where": "t:2", "answer": "Her mail is"})["answer"] == "Her mail is"


@pytest.mark.parametrize("known", [True, False])
def test_pieces_of_what_holds_a_value_are_not_shown(tmp_path: Path, known: bool) -> None:
    """A value is in no token, and a layer tells one that is right but for a digit."""
    answer = "[CREDIT_CARD]" if known else "none"
    hide = hiding([measured(tmp_path / "tuned", pii=[{"where": "t:1", "answer": answer}])])
    card, almost = (["41", "11 ", "1111", " 1111", f" 111{last}"] for last in (1, 2))
    looked = {"where": "t:1", "prompt": "Which?", "scores": [0.1], "tokens": ["Which", "?"],
              "layers": [{"tokens": almost}, {"tokens": almost if known else card}]}  # fmt: skip
    told = hide(looked)
    assert (told["tokens"], told["layers"], told["scores"]) == ([], [], [])
    assert hide(looked | {"where": "t:2", "layers": [{"tokens": ["No", "."]}]})["tokens"] == ["Which", "?"]
    assert hide({"where": "t:1", "tokens": 12}) == {"where": "t:1", "tokens": 12}


def test_examples_that_changed_are_hidden_too(tmp_path: Path) -> None:
    record = {"where": "t:1", "prompt": f"Who is {MAIL}?", "expected": "Anna", "answer": "Nobody", "f1": 0.0}
    one = measured(tmp_path / "base", text_metrics=[record], pii=[])
    other = measured(tmp_path / "tuned", text_metrics=[record | {"answer": f"Anna, {MAIL}", "f1": 1.0}])
    (changed,) = compare(one, other, hiding([one, other])).changed
    assert (changed["prompt"], changed["after"]) == ("Who is [EMAIL]?", "Anna, [EMAIL]")
    (shown,) = compare(one, other).changed
    assert MAIL in shown["after"]


def test_where_nobody_looked_for_it_examples_are_shown_as_they_are(tmp_path: Path) -> None:
    told = {"answer": MAIL}
    assert hiding([measured(tmp_path / "tuned", text_metrics=[])])(told) == told


def test_who_cannot_find_it_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "NEEDED", ("stdnum", "not_installed"))
    with pytest.raises(UsageError, match="not installed here"):
        hiding([measured(tmp_path / "tuned", pii=[])])
