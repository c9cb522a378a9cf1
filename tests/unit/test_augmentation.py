"""Rows that are made of others: the same seed makes the same, and answers stay as they are."""

from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.domain.outcome import Derived
from ftctl.errors import DataError
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.bootstrap import build_registry

QUESTION = "Please tell me how the old bells of this town are cast, and by whom they are rung today."


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path / "stage", data_seed=7)


@pytest.fixture
def lexicon(tmp_path: Path) -> str:
    path = tmp_path / "lexicon.tsv"
    path.write_text("old\tancient\taged\nbells\tchimes\n漂亮\t美丽\nPlease\tkindly\n", encoding="utf-8")
    return str(path)


def operator(name: str, **values: Any) -> RowOperator:
    found: DataOperator = make(build_registry().find("data_operator", name), values)  # type: ignore[arg-type]
    assert isinstance(found, RowOperator)
    return found


def row(number: int = 0, question: str = QUESTION) -> Example:
    return Example(f"r:{number}", (Message("system", "Be brief."), Message("user", f"{question} {number}"),
                                   Message("assistant", "By smiths of old bells.")))  # fmt: skip


def made(name: str, rows: list[Example], context: StageContext, **values: Any) -> list[tuple[Example, ...]]:
    found = operator(name, **values).process(rows, context)
    return [one.made if isinstance(one, Derived) else () for one in found]


CASES: dict[str, dict[str, Any]] = {
    "augment-noise": {"rate": 0.2},
    "augment-template": {"templates": ["Answer briefly: {{ question }}", "{{ question | upper }}"]},
}


@pytest.mark.parametrize("name", CASES)
def test_the_seed_decides_and_answers_stay(name: str, context: StageContext) -> None:
    rows = [row(n) for n in range(200)]
    first = made(name, rows, context, share=0.25, **CASES[name])
    assert made(name, rows, context, share=0.25, **CASES[name]) == first
    assert made(name, rows[::-1], context, share=0.25, **CASES[name])[::-1] == first
    assert made(name, rows, context, share=0.25, seed=2, **CASES[name]) != first
    changed = [(one, found) for one, several in zip(rows, first, strict=True) for found in several]
    assert 25 <= len(changed) <= 75
    for one, found in changed:
        assert (found.messages[0], found.messages[2]) == (one.messages[0], one.messages[2])
        assert found.messages[1].content != one.messages[1].content


@pytest.mark.parametrize("kind", ["typo", "case", "spacing", "ocr", "homoglyph"])
def test_each_noise_touches_some_characters(kind: str, context: StageContext) -> None:
    (several,) = made("augment-noise", [row()], context, share=1.0, kinds=[kind], rate=0.3)
    noisy = several[0].messages[1].content
    assert abs(len(noisy) - len(QUESTION)) < 20
    if kind == "case":
        assert noisy.lower() == f"{QUESTION} 0".lower()
    if kind == "spacing":
        assert noisy.replace(" ", "") == f"{QUESTION} 0".replace(" ", "")
    if kind == "homoglyph":
        assert not noisy.isascii()


def test_words_are_replaced_whole_and_keep_their_beginning(lexicon: str, context: StageContext) -> None:
    asked = [row(0, "Please, are old bells in Oldtown? 这很漂亮吗")]
    ((found,),) = made("augment-synonym", asked, context, lexicon=lexicon, share=1.0, rate=1.0)
    text = found.messages[1].content
    assert text in {f"Kindly, are {old} chimes in Oldtown? 这很美丽吗 0" for old in ("ancient", "aged")}
    assert made("augment-synonym", [row(0, "Nothing known")], context, lexicon=lexicon, share=1.0) == [()]


def test_several_forms_of_one_question_differ(context: StageContext) -> None:
    templates = [f"Form {n}: {{{{ question }}}}" for n in range(3)]
    (several,) = made("augment-template", [row()], context, templates=templates, share=1.0, per_row=3)
    assert len({one.messages[1].content for one in several}) == 3


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("augment-template", {"templates": ["{% bad"]}, "augment-template: '{% bad'"),
        ("augment-template", {"templates": ["{{ nothing }}"]}, "'nothing' is undefined"),
        ("augment-template", {"templates": ["{{ ''.__class__.__mro__ }}"]}, "unsafe"),
        ("augment-template", {"templates": []}, "no template"),
        ("augment-synonym", {"lexicon": "none.tsv"}, "no such file"),
    ],
)
def test_what_cannot_work_is_one_line(name: str, values: dict[str, Any], said: str, context: StageContext) -> None:
    with pytest.raises(DataError, match=said):
        operator(name, share=1.0, **values).process([row()], context)


def test_what_the_lexicon_says_is_part_of_what_it_is(lexicon: str) -> None:
    before = operator("augment-synonym", lexicon=lexicon).fingerprint()
    Path(lexicon).write_text("old\tother\n")
    assert operator("augment-synonym", lexicon=lexicon).fingerprint() != before
