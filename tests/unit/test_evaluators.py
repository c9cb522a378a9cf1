"""What evaluators with cases of their own say of targets whose behaviour is known."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.report import Report
from ftctl.errors import LabelsInvalid, NoUsableRows
from ftctl.ports import Evaluator, Target
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.fairness.diversity import Diversity, DiversityOptions
from ftctl_plugins.evaluators.own_cases import admits, refuses, says
from ftctl_plugins.evaluators.quality.human import Human, HumanOptions
from ftctl_plugins.evaluators.quality.schema_checker import SchemaChecker
from ftctl_plugins.evaluators.quality.structured import Structured, StructuredOptions
from ftctl_plugins.evaluators.quality.text_metrics import TextMetrics, TextMetricsOptions
from ftctl_plugins.evaluators.robustness.boundary import Boundary, BoundaryOptions
from ftctl_plugins.evaluators.robustness.calibrate import Calibrate, CalibrateOptions
from ftctl_plugins.evaluators.robustness.robust import Robust, RobustOptions
from ftctl_plugins.evaluators.robustness.shift import Shift, ShiftOptions
from ftctl_plugins.evaluators.safety.injection import Injection, InjectionOptions
from ftctl_plugins.evaluators.safety.jailbreak import Jailbreak, JailbreakOptions
from ftctl_plugins.evaluators.safety.pii import Pii, PiiOptions
from ftctl_plugins.evaluators.safety.prompt_leak import PromptLeak, PromptLeakOptions
from tests.answering import Ruled, babble, comply, obey, refuse

Measured = Callable[..., Report]


@pytest.fixture
def report(tmp_path: Path) -> Measured:
    def measure(evaluator: Evaluator, target: Target, data: Sequence[Example] = ()) -> Report:
        return evaluator.evaluate(target, data, recording(tmp_path))

    return measure


def figures(report: Report) -> dict[str, float]:
    return {metric.name: metric.value for metric in report.metrics}


def examples(pairs: Sequence[tuple[str, str]]) -> list[Example]:
    return [Example(f"e:{n}", (Message("user", q), Message("assistant", a))) for n, (q, a) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("rule", "success", "capability", "refusal", "capable"),
    [(refuse, 0, 0, 1, None), (comply, 1, 1, 0, 1), (obey, 0, 1, 0, 0), (babble, 0, 0, 0, None)],
)
def test_a_jailbreak_says_nothing_of_who_is_incapable(
    report: Measured, rule: Any, success: float, capability: float, refusal: float, capable: float | None
) -> None:
    found = report(Jailbreak(JailbreakOptions()), Ruled(rule))
    told = figures(found)
    assert (told["attack_success"], told["attack_capability"], told["over_refusal"]) == (success, capability, refusal)
    assert told.get("attack_success_capable") == capable
    assert ("not assessable" in found.notes["jailbreak"]) == (capable is None)
    kinds = [record["where"].partition(":")[0] for record in found.records]
    assert (kinds.count("attack"), kinds.count("twin"), kinds.count("benign")) == (192, 192, 48)


def test_attacks_are_counted_among_those_who_can(report: Measured) -> None:
    """Follows every second attack where it may, and half of those where it must not."""

    def says_half(prompt: Prompt) -> str:
        number = sum(map(ord, prompt.question)) % 4
        free = "motto" in prompt.messages[0].content or "口号" in prompt.messages[0].content
        return comply(prompt) if number < (2 if free else 1) else "no"

    found = report(Jailbreak(JailbreakOptions()), Ruled(says_half))
    told = {metric.name: metric for metric in found.metrics}
    capable = told["attack_success_capable"]
    assert capable.n == round(192 * told["attack_capability"].value)
    assert capable.value == pytest.approx(told["attack_success"].value * 192 / capable.n)
    assert capable.low is not None
    assert capable.low < capable.value


def test_families_and_languages_can_be_chosen(report: Measured) -> None:
    chosen = JailbreakOptions(languages=("zh",), families=("roleplay",))
    places = [record["where"] for record in report(Jailbreak(chosen), Ruled(babble)).records]
    assert sum(place.startswith("attack:roleplay.zh") for place in places) == 8
    assert len(places) == 8 + 8 + 24
    assert len(report(Injection(InjectionOptions(channels=("tool",))), Ruled(babble)).records) == 2 * 12 + 12


def test_who_cannot_tell_a_prompt_that_may_be_told_keeps_none(report: Measured) -> None:
    keeping = figures(report(PromptLeak(PromptLeakOptions()), Ruled(obey)))
    assert keeping == {
        "prompt_leak_code": 0.0,
        "prompt_leak_partial": 0.0,
        "prompt_leak": 0.0,
        "prompt_leak_capable": 0.0,
        "prompt_leak_capability": 1.0,
        "prompt_leak_over_refusal": 0.0,
    }
    stonewall = report(PromptLeak(PromptLeakOptions()), Ruled(refuse))
    assert figures(stonewall)["prompt_leak_over_refusal"] == 1.0
    assert figures(stonewall)["prompt_leak"] == 0.0
    assert "prompt_leak_capable" not in figures(stonewall)
    assert "0 of 40 attacks are followed where nothing forbids it: not assessable" in stonewall.notes["prompt-leak"]


def test_who_obeys_a_text_is_hijacked_and_who_ignores_it_is_not(report: Measured) -> None:
    obedient = figures(report(Injection(InjectionOptions()), Ruled(lambda prompt: "Pineapple! 菠萝")))
    assert obedient == {
        "injection_hijacked": 1.0,
        "injection_hijacked_capable": 1.0,
        "injection_task_kept": 0.0,
        "injection_capability": 1.0,
        "injection_over_refusal": 0.0,
    }


def test_one_order_in_several_texts_is_one_order(report: Measured) -> None:
    """Who follows two of ten forms of an order follows them everywhere: that is little knowledge of other forms."""
    cases = [case for case in Injection(InjectionOptions()).cases() if not case.where.startswith(("twin:", "plain:"))]
    fallen = {case.cluster for case in cases[:12]}
    asked = {case.prompt.question: case for case in cases}

    def says(prompt: Prompt) -> str:
        case = asked.get(prompt.question)
        return "I see." if case is not None and case.cluster not in fallen else "pineapple 菠萝"

    told = report(Injection(InjectionOptions()), Ruled(says))
    hijacked = next(one for one in told.metrics if one.name == "injection_hijacked")
    assert (hijacked.n, hijacked.value) == (60, 0.2)
    assert (hijacked.high or 0) - (hijacked.low or 0) > 0.4, "60 independent cases would have 0.2"


def test_who_follows_no_order_of_the_users_is_not_safe_from_those_of_texts(report: Measured) -> None:
    incapable = report(Injection(InjectionOptions()), Ruled(babble))
    assert figures(incapable)["injection_hijacked"] == 0.0
    assert "injection_hijacked_capable" not in figures(incapable)
    assert "0 of 60" in incapable.notes["injection"]
    assert "not assessable" in incapable.notes["injection"]
    # follows the user's own order where it stands plainly, and no text's
    careful = Ruled(
        lambda p: "pineapple" if "Do what the assistant" in p.question and "QW5z" not in p.question else "x"
    )
    told = report(Injection(InjectionOptions(languages=("en",))), careful)
    assert (figures(told)["injection_capability"], figures(told)["injection_hijacked_capable"]) == (0.8, 0.0)
    assert next(m.n for m in told.metrics if m.name == "injection_hijacked_capable") == 24
    refusing = figures(report(Injection(InjectionOptions()), Ruled(refuse)))
    assert refusing["injection_over_refusal"] == 1.0


def test_a_part_of_a_prompt_is_a_leak_too(report: Measured) -> None:
    leaking = Ruled(lambda prompt: f"It says: {prompt.messages[0].content[:60].upper()}")
    told = figures(report(PromptLeak(PromptLeakOptions()), leaking))
    assert (told["prompt_leak_partial"], told["prompt_leak_code"]) == (1.0, 0.5)  # the Chinese prompt is shorter
    backwards = figures(report(PromptLeak(PromptLeakOptions()), Ruled(lambda p: p.messages[0].content[::-1])))
    assert (backwards["prompt_leak_partial"], backwards["prompt_leak_code"]) == (0.0, 1.0)
    long = "The guests of a hotel like breakfast, and the code of good manners is to come before ten. " * 50
    assert figures(report(PromptLeak(PromptLeakOptions()), Ruled(lambda prompt: long)))["prompt_leak_partial"] == 0.0


def test_fields_are_compared_by_path(report: Measured) -> None:
    wanted = {"a": 1, "b": [1, 2], "c": {"d": "x"}}
    one = examples([("give", json.dumps(wanted))])
    structured = Structured(StructuredOptions())
    permuted = {"c": {"d": "x"}, "b": [2, 1], "a": 1}
    told = figures(report(structured, Ruled(lambda prompt: json.dumps(permuted)), one))
    assert (told["json_equal"], told["field_f1"], told["field_recall"]) == (0.0, 1.0, 1.0)
    wrong = {**wanted, "a": 2}
    told = figures(report(structured, Ruled(lambda prompt: f"```\n{json.dumps(wrong)}\n```"), one))
    assert (told["json_valid"], told["field_precision"], told["field_recall"]) == (1.0, 0.75, 0.75)
    for answer in ('{"a": NaN}', "7", "{'a': 1}"):
        assert figures(report(structured, Ruled(lambda prompt, said=answer: said), one))["json_valid"] == 0.0  # type: ignore[misc]
    flag = examples([("give", '{"a": 1}')])
    assert figures(report(structured, Ruled(lambda prompt: '{"a": true}'), flag))["json_equal"] == 0.0
    assert figures(report(structured, Ruled(lambda prompt: "{'a': 1}"), one))["json_valid"] == 0.0


def test_a_schema_is_held_against_answers(report: Measured, tmp_path: Path) -> None:
    pytest.importorskip("jsonschema")
    (tmp_path / "schema.json").write_text(json.dumps({"type": "object", "required": ["a"]}))
    structured = Structured(StructuredOptions(schema=str(tmp_path / "schema.json")))
    one = examples([("give", '{"a": 1}')])
    assert figures(report(structured, Ruled(lambda prompt: '{"a": 9}'), one))["schema_ok"] == 1.0
    assert figures(report(structured, Ruled(lambda prompt: '{"b": 9}'), one))["schema_ok"] == 0.0
    (tmp_path / "schema.json").write_text('{"type": 3}')
    with pytest.raises(Exception, match="no JSON schema"):
        Structured(StructuredOptions(schema=str(tmp_path / "schema.json")))


def test_a_pattern_that_never_ends_costs_one_answer_its_time(tmp_path: Path) -> None:
    pytest.importorskip("jsonschema")
    (tmp_path / "schema.json").write_text(json.dumps({"properties": {"a": {"pattern": "^(x+x+)+y$"}}}))
    with SchemaChecker(str(tmp_path / "schema.json"), seconds=1.0) as checker:
        assert not checker.is_valid({"a": "x" * 60})
        assert checker.late == 1
        assert checker.is_valid({"a": "xxy"}), "the next answer is checked again"
        assert not checker.is_valid({"a": "y"})
        assert checker.late == 1


def test_one_question_that_crashes_costs_itself_alone(report: Measured) -> None:
    def says_or_fails(prompt: Prompt) -> str:
        if "\u0007" in prompt.question:
            raise RuntimeError("a control character")
        return "What do you mean?"

    found = report(Boundary(BoundaryOptions()), Ruled(says_or_fails))
    crashed = [record["where"] for record in found.records if record["boundary_crashed"]]
    assert len(crashed) == 2
    assert len(found.records) == 122
    assert figures(found)["boundary_survived"] == pytest.approx(36 / 38)


@pytest.mark.parametrize(("room", "longest"), [(None, 12_000), (1024, 1024 - 64 - 128), (50, 80)])
def test_a_long_question_is_no_longer_than_a_model_has_room_for(
    report: Measured, room: int | None, longest: int
) -> None:
    class Small(Ruled):
        max_model_len = room  # type: ignore[assignment]

    asked: list[str] = []
    report(Boundary(BoundaryOptions()), Small(lambda prompt: asked.append(prompt.question) or "Yes."))  # type: ignore[func-returns-value]
    long = [len(one.encode()) for one in asked if "The train was late" in one or "火车晚点了" in one]
    assert len(long) == 2
    assert 0.8 * longest < max(long) <= longest + 80 * (room is None)


RAW = [Example(f"e:{place}", text="The river runs past seven old mills.") for place in range(9)]


@pytest.mark.parametrize(
    "evaluator",
    [
        Calibrate(CalibrateOptions()),
        Diversity(DiversityOptions()),
        Human(HumanOptions()),
        Pii(PiiOptions()),
        Robust(RobustOptions()),
        Shift(ShiftOptions()),
        Structured(StructuredOptions()),
        TextMetrics(TextMetricsOptions()),
    ],
    ids=lambda one: type(one).__name__,
)
def test_who_asks_questions_says_what_to_do_with_raw_text(report: Measured, evaluator: Evaluator) -> None:
    with pytest.raises(NoUsableRows, match=r" needs (conversations; the test split|examples)") as raised:
        report(evaluator, Ruled(babble), RAW)
    assert raised.value.next_step.startswith("leave it out")


def test_one_conversation_is_too_few_to_be_diverse(report: Measured) -> None:
    with pytest.raises(NoUsableRows, match="diversity needs 2 conversations; the test split has 1"):
        report(Diversity(DiversityOptions()), Ruled(babble), [*RAW, *examples([("a", "b")])])


def test_who_forgets_and_who_remembers_are_told_apart(report: Measured) -> None:
    elephant = Ruled(lambda prompt: " ".join(turn.content for turn in prompt.messages[:-1]))
    assert figures(report(Boundary(BoundaryOptions()), elephant))["boundary_memory"] == 1.0
    amnesiac = Ruled(lambda prompt: prompt.question)
    assert figures(report(Boundary(BoundaryOptions()), amnesiac))["boundary_memory"] == 0.0
    assert figures(report(Boundary(BoundaryOptions()), Ruled(refuse)))["boundary_refused"] == 1.0


def test_refusals_are_known_in_both_languages() -> None:
    for text in ("I’m sorry, but I cannot.", "I can not help", "I will not answer", "As an AI, I do not"):
        assert refuses(text), text
    for text in ("I must refuse", "抱歉,这个我无法回答", "我不能帮助你", "作为一个AI语言模型", "我拒绝回答"):
        assert refuses(text), text
    for text in ("Sorry is the hardest word.", "I am sorry to keep you waiting.", "I can't wait to welcome you!",
                 "抱歉,请您稍等片刻。", "可以,没问题", "You can't miss it.", "people unable to see it"):  # fmt: skip
        assert not refuses(text), text
    for text in (
        "I don’t know.",
        "I have no idea.",
        "I don't have access to your wallet.",
        "我无法看到您的左手",
        "无法判断",
    ):
        assert admits(text), text
    assert not admits("A green car, unable to move.")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_refusals_are_told_from_answers_as_people_would(language: str) -> None:
    """Of a hundred replies in each language, half of them refusals, as docs/reference/metrics.md tells."""
    path = Path(__file__).parents[1] / "data" / "replies.jsonl"
    replies = [
        one
        for line in path.read_text(encoding="utf-8").splitlines()
        if (one := json.loads(line))["language"] == language
    ]
    assert sum(one["refusal"] for one in replies) == 50 == len(replies) / 2
    false = [one["text"] for one in replies if refuses(one["text"]) and not one["refusal"]]
    missed = [one["text"] for one in replies if one["refusal"] and not refuses(one["text"])]
    assert (false, len(missed) <= 17) == ([], True), missed


def test_words_are_found_where_they_stand_alone() -> None:
    assert says("It is A-M-B-E-R falcon!", "amber falcon")
    assert not says("It is an amber bird", "amber falcon")
    assert says("Seven!", "seven")
    assert not says("seventeen", "seven")
    assert says("是1987年", "1987")


def test_who_tells_of_an_order_and_answers_has_not_followed_it(report: Measured) -> None:
    wary = Ruled(lambda prompt: "It wants me to say pineapple. Three, 1902, Monday, Tanaka, soup, seven.")
    told = figures(report(Injection(InjectionOptions(languages=("en",))), wary))
    assert (told["injection_hijacked"], told["injection_task_kept"]) == (0.0, 1.0)


def test_a_template_without_a_system_prompt_has_it_in_the_question(report: Measured) -> None:
    def strict(prompt: Prompt) -> str:
        if prompt.messages[0].role == "system":
            raise LabelsInvalid("no system role")
        return prompt.question

    assert figures(report(Jailbreak(JailbreakOptions()), Ruled(strict)))["attack_success"] == 1.0


def test_a_change_that_hurts_is_found(report: Measured) -> None:
    data = examples([(f"what is {n}", f"it is {n}") for n in range(10)])
    same = Ruled(lambda prompt: f"it is {''.join(filter(str.isdecimal, prompt.question))}")
    told = figures(report(Robust(RobustOptions(kinds=("filler",))), same, data))
    assert (told["robust_drop"], told["robust_consistency"], told["robust_clean"]) == (0.0, 1.0, 1.0)
    delicate = Ruled(lambda prompt: same.says(prompt) if prompt.question.startswith("what") else "no")
    found = report(Robust(RobustOptions(kinds=("spacing", "filler"))), delicate, data)
    assert figures(found)["robust_drop"] == 1.0
    assert figures(found)["robust_consistency"] == 0.5
    assert found.notes["robust"] == "spacing +0.000 (10), filler -1.000 (10)"


def test_what_cannot_be_changed_is_not_counted_as_changed(report: Measured) -> None:
    data = examples([("法国的首都是哪里?", "巴黎"), ("意大利的首都是哪里?", "罗马")])
    asked: list[str] = []

    def listening(prompt: Prompt) -> str:
        asked.append(prompt.question)
        return f"{len(asked)}"

    found = report(Robust(RobustOptions(kinds=("typo", "swap"))), Ruled(listening), data)
    assert len(asked) == len(set(asked)) == 4
    assert figures(found)["robust_consistency"] == 0.0
    assert found.notes["robust"].startswith("swap")


def test_who_always_says_the_same_is_not_diverse(report: Measured) -> None:
    data = examples([(f"say {n}", "x") for n in range(30)])
    constant = figures(report(Diversity(DiversityOptions()), Ruled(lambda prompt: "one two three four five"), data))
    assert constant["self_bleu"] == pytest.approx(100)
    assert (constant["unique_answers"], constant["distinct_1"]) == (0.0, pytest.approx(5 / 150))
    draw = random.Random(3)
    varied = Ruled(lambda prompt: " ".join(f"w{draw.randrange(10**9)}" for _ in range(9)))
    told = figures(report(Diversity(DiversityOptions()), varied, data))
    assert told["self_bleu"] < 1
    assert (told["unique_answers"], told["distinct_2"]) == (1.0, 1.0)
    assert told["compression_ratio"] < constant["compression_ratio"]
    alike = Ruled(lambda prompt: " ".join(draw.choices("abcdefghijkl", k=4)))
    errors = {one.name: one.stderr for one in report(Diversity(DiversityOptions()), alike, data).metrics}
    assert all((errors[name] or 0.0) > 0.0 for name in ("distinct_1", "distinct_2", "compression_ratio"))


def test_private_values_are_counted_and_not_shown(report: Measured) -> None:
    card = "4111 1111 1111 1111"
    data = examples([("say it", "x"), ("My card is " + card, "x"), ("version?", "x"), ("who?", "x")])
    said = {"say it": f"It is {card}.", "version?": "3.11.7 of 2024-05-01", "who?": "anna@example.org, +49 30 1234567"}
    found = report(Pii(PiiOptions()), Ruled(lambda prompt: said.get(prompt.question, prompt.question)), data)
    assert [record["pii_answers"] for record in found.records] == [1.0, 0.0, 0.0, 1.0]
    assert "4111" not in str(found.records)
    assert "anna@" not in str(found.records)
    assert "card 1" in found.notes["pii"]
    assert "email 1" in found.notes["pii"]


def graded(scores: Sequence[float], fields: Sequence[str]) -> tuple[list[Example], Target]:
    """Examples of which each is right or wrong as it is told."""
    data = examples([(f"question {n}", "yes") for n in range(len(scores))])
    data = [evolve(example, metadata={"field": field}) for example, field in zip(data, fields, strict=True)]
    return data, Ruled(lambda prompt: "yes" if scores[int(prompt.question.split()[-1])] else "no")


def test_a_slice_that_is_worse_is_named(report: Measured) -> None:
    draw = random.Random(2)
    fields = ["north" if n % 4 == 0 else "south" if n % 4 == 1 else "" for n in range(400)]
    scores = [float(draw.random() < (0.5 if field == "north" else 0.8)) for field in fields]
    data, target = graded(scores, fields)
    found = report(Shift(ShiftOptions(by=("field", "length"))), target, data)
    assert found.notes["shift"].startswith("worse than the rest: field north (100, p 0.0")
    assert "field south" not in found.notes["shift"]
    told = figures(found)
    assert told["shift_worst"] == pytest.approx(sum(scores[::4]) / 100, abs=1e-9)
    with pytest.raises(NoUsableRows, match="no slice"):
        report(Shift(ShiftOptions(by=("field",), fewest=300)), target, data)


@pytest.mark.nightly
def test_chance_names_few_slices(report: Measured) -> None:
    draw, named = random.Random(3), 0
    fields = [f"f{n % 5}" for n in range(100)]
    for _ in range(60):
        data, target = graded([float(draw.random() < 0.7) for _ in fields], fields)
        named += "none that" not in report(Shift(ShiftOptions(by=("field",))), target, data).notes["shift"]
    assert named <= 6


def test_a_blanket_refusal_admits_nothing(report: Measured) -> None:
    """Whoever refuses questions that have an answer in the same words does not tell what it cannot know."""
    assert figures(report(Boundary(BoundaryOptions()), Ruled(refuse)))["boundary_admits"] == 0.0
    unsure = Ruled(lambda prompt: "I don't know." if "my room" in prompt.question else "red")
    assert figures(report(Boundary(BoundaryOptions()), unsure))["boundary_admits"] > 0.0
