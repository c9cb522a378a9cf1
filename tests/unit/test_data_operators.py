"""What each operator does to rows, and what it leaves alone."""

import inspect
import random
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.domain.outcome import Dropped
from ftctl.errors import DataError
from ftctl.plugin.registry import Registry
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator
from ftctl.testing.contracts.data_operator import judged
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.bootstrap import build_registry

CODE = [inspect.getsource(inspect), "def f(x):\n\treturn  x &lt; 1  # “quoted” \n\n\n", "if (a && b) { s = 'ﬁ'; }\r\n"]
CHINESE = "你好,世界!这是(全角)标点:“引号”;1234ABC。"


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path, data_seed=7, memory_bytes=1 << 24)


def operator(name: str, **values: Any) -> DataOperator:
    registry: Registry = build_registry()
    found: DataOperator = make(registry.find("data_operator", name), values)  # type: ignore[arg-type]
    return found


def said(*texts: str) -> list[Example]:
    return [Example(f"r:{n}", text=text) for n, text in enumerate(texts)]


def asked(*pairs: tuple[str, str]) -> list[Example]:
    return [Example(f"r:{n}", (Message("user", q), Message("assistant", a))) for n, (q, a) in enumerate(pairs)]


def after(name: str, context: StageContext, *texts: str, **values: Any) -> list[str]:
    """Texts after the operator; the state and reason of what it drops."""
    found = judged(operator(name, **values), said(*texts), context)
    return [f"{one.state}: {one.reason}" if isinstance(one, Dropped) else one.text for one in found]


@pytest.mark.parametrize("name", ["clean-encoding", "normalise"])
def test_code_and_chinese_stay_as_they_are(name: str, context: StageContext) -> None:
    assert after(name, context, *CODE, CHINESE) == [*CODE, CHINESE]


def test_mojibake_is_put_right_and_twice_is_as_once(context: StageContext) -> None:
    broken = ["schÃ¶n und grÃ¼n", "âœ” No problem", "ä½\xa0å¥½ä¸–ç•Œ"]
    once = after("clean-encoding", context, *broken)
    assert once == ["schön und grün", "✔ No problem", "你好世界"]
    assert after("clean-encoding", context, *once) == once


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("e\u0301", {}, "é"),
        ("a\u200bb\u00adc\ufeff", {}, "abc"),
        ("\U0001f469\u200d\U0001f467 \u200fאב", {}, "\U0001f469\u200d\U0001f467 \u200fאב"),
        ("a\x07b\tc\nd", {}, "ab\tc\nd"),
        ("a\r\nb\rc", {"line_ends": "lf"}, "a\nb\nc"),
        ("  a \u3000 b \n  c  ", {"whitespace": "collapse"}, "a b\nc"),
        ("  a  b ", {"whitespace": "trim"}, "a  b"),
        ("你好\uff0c世界\uff01(a, b)", {"punctuation": "ascii"}, "你好,世界!(a, b)"),
        ("你好?(真的)", {"punctuation": "fullwidth"}, "你好\uff1f\uff08真的\uff09"),
        ("好,(对)!", {"punctuation": "fullwidth"}, "好\uff0c\uff08对\uff09\uff01"),
        ("f(x)是(yes).", {"punctuation": "fullwidth"}, "f(x)是(yes)."),
        ("你好,世界!(a, b)", {"punctuation": "fullwidth"}, "你好\uff0c世界\uff01(a, b)"),
        ("ﬁ \uff21", {"form": "NFKC"}, "fi A"),
    ],
)
def test_there_is_one_way_to_write(text: str, values: dict[str, Any], expected: str, context: StageContext) -> None:
    assert after("normalise", context, text, **values) == [expected]
    assert after("normalise", context, expected, **values) == [expected]


@pytest.mark.parametrize(
    ("roles", "values", "why"),
    [
        ("user assistant", {}, ""),
        ("system user assistant", {}, ""),
        ("user assistant tool assistant", {}, ""),
        ("user user assistant", {}, "turns do not alternate"),
        ("user user assistant", {"alternate": False}, ""),
        ("assistant user assistant", {}, "turns do not alternate"),
        ("user assistant", {"min_turns": 3}, "fewer than 3 turns"),
        ("user assistant user assistant", {"max_turns": 2}, "more than 2 turns"),
    ],
)
def test_conversations_of_the_wrong_shape_are_left_out(
    roles: str, values: dict[str, Any], why: str, context: StageContext
) -> None:
    row = Example("r:1", tuple(Message(role, "x") for role in roles.split()))  # type: ignore[arg-type]
    (found,) = judged(operator("filter-turns", **values), [row], context)
    assert found == (Dropped("filtered", why) if why else row)


PROSE = "The cat sat by the door and looked at the rain. It was late, and nobody came to let it in that night."


@pytest.mark.parametrize(
    ("text", "values", "why"),
    [
        (PROSE, {"min_words": 20, "min_alphabetic": 0.8, "min_mean_word": 3, "min_stop_words": 2}, ""),
        ("猫坐在门边看雨。夜深了,没有人来开门。" * 3, {"min_words": 20, "min_mean_word": 3}, ""),
        ("Yes.", {}, ""),
        ("Yes.", {"min_words": 2}, "too short"),
        (PROSE, {"max_chars": 50}, "too long"),
        ("a b c d e f g h", {}, "word length"),
        ("# one # two # three", {}, "symbols"),
        ("0123456789 0123 x", {}, "digits"),
        ("one -- ++ == two // ;;", {"max_symbol_ratio": 1.0}, "few letters"),
        ("- one thing\n- another thing\n* more", {}, "bullets"),
        ("one thing…\nanother thing…\nmore", {"max_symbol_ratio": 1.0}, "ellipses"),
        ("the same line\n" * 4, {}, "repeated lines"),
        ("buy shoes now " * 10, {}, "repeated words"),
        ("Cats sit. Dogs run.", {"min_stop_words": 2}, "stop words"),
        ("no end\nat all", {"min_ended_lines": 0.5}, "unfinished lines"),
    ],
)
def test_each_rule_of_quality_is_named(text: str, values: dict[str, Any], why: str, context: StageContext) -> None:
    assert after("filter-quality", context, text, **values) == [f"filtered: {why}" if why else text]


LANGUAGES = {
    "en": "The train to the harbour leaves at half past nine in the morning.",
    "de": "Der Zug zum Hafen fährt morgens um halb zehn ab, wenn es nicht schneit.",
    "fr": "Le train pour le port part à neuf heures et demie du matin.",
    "zh": "去港口的火车早上九点半出发,请提前到达车站等候上车,谢谢。",
    "ru": "Поезд в порт отправляется в половине десятого утра.",
    "el": "Το τρένο για το λιμάνι φεύγει στις εννιάμισι το πρωί.",
}


def test_other_languages_are_left_out_and_short_texts_are_undetermined(context: StageContext) -> None:
    found = after("filter-language", context, *LANGUAGES.values(), "Ok!", keep=["en", "zh"])
    assert found == [
        *(text if code in ("en", "zh") else f"filtered: language {code}" for code, text in LANGUAGES.items()),
        "Ok!",
    ]
    assert after("filter-language", context, "Ok!", keep=["en"], undetermined="drop") == ["filtered: language und"]


def test_equal_but_for_case_and_spaces_is_equal(context: StageContext) -> None:
    rows = asked(("Hello  there", "Hi."), ("hello there ", "hi."), ("Hello there", "Hi!"))
    assert [one.first for one in judged(operator("dedup-exact"), rows, context)] == [None, 0, None]
    strict = operator("dedup-exact", casefold=False, spaces=False)
    assert [one.first for one in judged(strict, rows, context)] == [None, None, None]


def test_of_answers_to_one_prompt_the_longest_can_stay(context: StageContext) -> None:
    rows = asked(("Why?", "So."), ("Why?", "Because of the rain."), ("How?", "So."), ("Why?", "Because."))
    found = judged(operator("dedup-exact", of="prompt", keep="longest"), rows, context)
    assert [(one.state, one.first) for one in found] == [("duplicate", 1), ("", None), ("", None), ("duplicate", 1)]


def planted(count: int, chinese: bool = False, seed: int = 3) -> tuple[list[str], list[str]]:
    """Texts, and for each a copy in which a few words or characters are others."""
    draw = random.Random(seed)
    words = [chr(draw.randrange(0x4E00, 0x5E00)) for _ in range(3000)] if chinese else [
        "".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(3000)
    ]  # fmt: skip
    texts, copies = [], []
    for _ in range(count):
        text = draw.choices(words, k=90)
        copy = list(text)
        for place in draw.sample(range(90), draw.randint(1, 5)):
            copy[place] = draw.choice(words)
        texts.append(("" if chinese else " ").join(text))
        copies.append(("" if chinese else " ").join(copy))
    return texts, copies


@pytest.mark.parametrize("chinese", [False, True])
def test_nearly_the_same_is_found_and_what_only_begins_alike_is_not(chinese: bool, context: StageContext) -> None:
    texts, copies = planted(300, chinese)
    cut = 45
    space = "" if chinese else " "
    parts = [list(text) if chinese else text.split(" ") for text in texts[:100]]
    fresh, _ = planted(100, chinese, seed=9)
    alike = [space.join([*part[:cut], *(list(new) if chinese else new.split(" "))[cut:]])
             for part, new in zip(parts, fresh, strict=True)]  # fmt: skip
    found = judged(operator("dedup-near"), said(*texts, *copies, *alike), context)
    caught = sum(one.first == place for place, one in enumerate(found[300:600]))
    assert caught >= 0.97 * 300
    assert sum(bool(one.state) for one in found[:300]) == 0
    assert sum(bool(one.state) for one in found[600:]) <= 1


def test_short_and_empty_texts_are_compared_by_all_they_have(context: StageContext) -> None:
    found = judged(operator("dedup-near"), said("Yes.", "yes!", "No.", "…", "!", ""), context)
    assert [one.state for one in found] == ["", "duplicate", "", "", "", ""]


def test_near_duplicates_can_be_kept_together_instead(context: StageContext) -> None:
    texts, copies = planted(3)
    found = judged(operator("dedup-near", action="keep-together"), said(*texts, *copies, "alone"), context)
    assert [one.first for one in found] == [0, 1, 2, 0, 1, 2, 6]
    assert not any(one.state for one in found)


VALID = {
    "email": ["anna.schmidt@example.org", "a+b@mail.example.co.uk"],
    "cn_id": ["11010519491231002X"],
    "cn_uscc": ["91110000600037341L"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"],
    "bank_card_cn": ["6222 0212 3456 7894"],
    "credit_card": ["4111 1111 1111 1111", "5500005555555559", "378282246310005"],
    "us_ssn": ["536-90-4399"],
    "ipv4": ["192.168.10.254"],
    "ipv6": ["2001:db8:85a3::8a2e:370:7334"],
    "phone": ["+49 30 901820", "+1 650-253-0000"],
    "cn_mobile": ["13812345678"],
    "secret": ["hf_abcdefghijklmnopqrstuvwx", "AKIAIOSFODNN7EXAMPLE"],
    "plate_cn": ["京A12345", "粤B·D12345"],
}
INVALID = {
    "cn_id": ["110105194912310021", "11010519491331002X"],
    "cn_uscc": ["91110000600037341M"],
    "iban": ["DE89 3704 0044 0532 0130 01"],
    "credit_card": ["4111 1111 1111 1112", "9111 1111 1111 1111"],
    "us_ssn": ["000-12-3456", "536-00-4399"],
    "ipv4": ["192.168.10.256", "1.2.3"],
    "phone": ["+49 1"],
    "email": ["anna at example.org", "@example"],
}
AROUND = ["{}", "我的号码是{}谢谢", "(see {}),", "one: {}\nnext", "『{}』"]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in VALID.items() for value in values])
def test_private_data_is_found_wherever_it_stands(kind: str, value: str, context: StageContext) -> None:
    texts = [around.format(value) for around in AROUND]
    assert after("pii", context, *texts, kinds=[kind]) == [around.format(f"[{kind.upper()}]") for around in AROUND]
    assert all(value not in text for text in after("pii", context, *texts))


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in INVALID.items() for value in values])
def test_what_only_looks_like_it_stays(kind: str, value: str, context: StageContext) -> None:
    assert after("pii", context, f"number {value} here", kinds=[kind]) == [f"number {value} here"]


def test_everything_a_row_carries_is_looked_into(context: StageContext) -> None:
    value = "anna@example.org"
    turns = (Message("user", value), Message("assistant", f"Hello {value}"))
    row = Example("r:1", turns, rejected=(Message("assistant", value),), group=value,
                  tools=[{"description": f"mail {value}"}], metadata={"from": {"mail": [value]}})  # fmt: skip
    (found,) = judged(operator("pii"), [row], context)
    assert value not in str(found)
    assert str(found).count("[EMAIL]") == 6
    (left,) = judged(operator("pii", allow=[value]), [row], context)
    assert left == row


def test_a_pseudonym_is_the_same_for_the_same_value_and_another_for_another_secret(
    context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def masked(secret: str, action: str) -> list[str]:
        monkeypatch.setenv("SALT", secret)
        return after("pii", context, "I am anna@example.org", "anna@example.org, hello", action=action, salt_env="SALT")

    for action in ("hash", "pseudonym"):
        one, two = masked("first", action)
        name = one.removeprefix("I am ")
        assert two == f"{name}, hello"
        assert "anna" not in one
        assert masked("first", action) == [one, two] != masked("second", action)
    assert name.count("@") == 1
    assert len(name) == len("anna@example.org")
    with pytest.raises(DataError, match="needs a secret"):
        after("pii", context, "x", action="hash")
