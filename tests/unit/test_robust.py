"""Questions in other forms and characters, and a search for the change that makes an answer wrong."""

import random
from pathlib import Path

import pytest

from ftctl.domain.example import Example, Message, Prompt
from ftctl.errors import ConfigInvalid
from ftctl.ports import Target
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.robustness.question_changes import CHANGES, FORMS, one_word
from ftctl_plugins.evaluators.robustness.robust import Robust, RobustOptions
from tests.answering import Ruled

pytest.importorskip("opencc")
DATA = [Example(f"q:{n}", (Message("user", f"please tell me what the number {n} doubled would be"),
                           Message("assistant", f"it is {2 * n}"))) for n in range(1, 13)]  # fmt: skip


def right(prompt: Prompt) -> str:
    return f"it is {2 * int(''.join(filter(str.isdecimal, prompt.question)) or 0)}"


def trigger(prompt: Prompt) -> str:
    """Right as long as one word stands there as it was."""
    return right(prompt) if "doubled" in prompt.question else "?"


def figures(target: Target, folder: Path, **values: object) -> dict[str, float]:
    report = Robust(RobustOptions(**{"kinds": ("typo", "swap"), **values})).evaluate(target, DATA, recording(folder))
    return {metric.name: metric.value for metric in report.metrics}


def test_a_word_that_everything_hangs_on_is_found(tmp_path: Path) -> None:
    told = figures(Ruled(trigger), tmp_path, attack=200)
    assert told["robust_attack_success"] == 1.0
    assert told["robust_attack_queries"] < 60, "ten words, eight tries at a time"


def test_who_heeds_no_word_is_asked_to_the_end_of_the_budget_and_holds(tmp_path: Path) -> None:
    told = figures(Ruled(right), tmp_path, attack=30)
    assert (told["robust_attack_success"], told["robust_attack_queries"]) == (0.0, 30.0)


def test_several_words_are_lost_one_by_one(tmp_path: Path) -> None:
    """Wrong only where three words are gone, of which each alone changes nothing."""
    words = ("please", "number", "doubled")
    target = Ruled(lambda prompt: "?" if not any(word in prompt.question for word in words) else right(prompt))
    assert figures(target, tmp_path, attack=400)["robust_attack_success"] >= 0.75


def test_the_question_that_broke_it_is_told(tmp_path: Path) -> None:
    report = Robust(RobustOptions(kinds=("typo",), attack=200)).evaluate(Ruled(trigger), DATA, recording(tmp_path))
    assert all("doubled" not in record["robust_attack_question"] for record in report.records)


def test_without_ways_to_change_words_there_is_no_attack(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"none of robust.kinds does"):
        Robust(RobustOptions(kinds=("paraphrase", "spacing"), attack=8))


def test_who_cannot_be_attacked_has_not_held_and_is_told(tmp_path: Path) -> None:
    """No English word is written otherwise in traditional characters."""
    report = Robust(RobustOptions(kinds=("traditional",), attack=50)).evaluate(Ruled(right), DATA, recording(tmp_path))
    assert not [metric for metric in report.metrics if "attack" in metric.name]
    assert "0 of 12 that were answered rightly in part could be attacked" in report.notes["robust"]


def test_chinese_words_are_changed_too() -> None:
    changed = {one_word("一共有多少人在这里工作?", ("swap",), random.Random(seed)) for seed in range(40)}
    assert len(changed) > 3


def test_no_figure_of_an_attack_is_told_where_nobody_was_right(tmp_path: Path) -> None:
    assert "robust_attack_success" not in figures(Ruled(lambda prompt: "?"), tmp_path, attack=8)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_forms_keep_the_question_as_it_is(language: str) -> None:
    question = {"en": "How far is it {there}?", "zh": "那里有多远?"}[language]
    seen = {CHANGES["paraphrase"](question, random.Random(seed), 0.0) for seed in range(200)}
    assert len(seen) == len(FORMS[language]) == 10
    assert all(question in text and text != question for text in seen)


def test_simplified_and_traditional_characters_change_places() -> None:
    def other(text: str) -> str:
        return CHANGES["traditional"](text, random.Random(1), 1.0)

    assert other("我想学习汉语") == "我想學習漢語"
    assert other("我想學習漢語") == "我想学习汉语"
    assert other("nothing to write otherwise") == "nothing to write otherwise"


def test_one_word_is_changed_and_no_other() -> None:
    text = "aaaa bbbb  cccc"
    for seed in range(50):
        changed = one_word(text, ("case",), random.Random(seed))
        assert changed.casefold() == text
        assert sum(letter.isupper() for letter in changed) == 4
    assert one_word("", ("case",), random.Random(1)) == ""
