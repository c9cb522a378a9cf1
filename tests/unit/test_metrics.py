"""Metrics against their definitions and their libraries."""

import math
import random
from collections.abc import Sequence
from statistics import fmean

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.golden import GoldenCase
from ftctl.domain.metric import mean_metric
from ftctl.ports.context import StageContext
from ftctl.testing.fakes import FakeTarget
from ftctl_plugins.evaluators.exact_match import exact_match, token_f1
from ftctl_plugins.evaluators.quality.perplexity import Perplexity, PerplexityOptions
from ftctl_plugins.evaluators.quality.text_metrics import TextMetrics, TextMetricsOptions
from ftctl_plugins.evaluators.words import words
from ftctl_plugins.verifiers.golden import compare

DATA = [Example(f"f:{n}", (Message("user", f"double {n}"), Message("assistant", str(2 * n)))) for n in range(1, 41)]


@pytest.mark.parametrize(
    ("answer", "expected", "exact", "f1"),
    [
        ("The cat sat.", "cat sat", 1.0, 1.0),
        ("a cat", "a dog", 0.0, 0.0),
        ("cat dog", "cat", 0.0, 2 / 3),
        ("", "", 1.0, 1.0),
        ("", "x", 0.0, 0.0),
        ("你好吗", "你好", 0.0, 0.8),
        ("A", "A", 1.0, 1.0),
        ("The", "A", 0.0, 0.0),
        ("", "A", 0.0, 0.0),
        ("A.", "a", 1.0, 1.0),
        ("5", "-5", 0.0, 0.0),
        ("\u22125", "-5", 1.0, 1.0),
        ("314", "3.14", 0.0, 0.0),
        ("3.14.", "3.14", 1.0, 1.0),
        ("+", "-", 0.0, 0.0),
        ("C#", "C++", 0.0, 0.0),
        ("c++", "C++", 1.0, 1.0),
        ("5%", "5", 0.0, 0.0),
        ("well-known", "well known", 0.0, 0.0),
        ("cafe", "cafe\u0301", 0.0, 0.0),
        ("caf\u00e9", "cafe\u0301", 1.0, 1.0),
        ("दीन", "दिन", 0.0, 0.0),
        ("สวัสดีครับ", "สวัสดีค่ะ", 0.0, pytest.approx(0.6, abs=0.25)),
        ("😀", "😞", 0.0, 0.0),
        ("(yes)", "yes", 1.0, 1.0),
        ("“是。”", "是", 1.0, 1.0),
    ],
)
def test_exact_match_and_f1(answer: str, expected: str, exact: float, f1: float) -> None:
    assert exact_match(answer, expected) == exact
    assert token_f1(answer, expected) == pytest.approx(f1)


def test_exact_match_and_f1_are_those_of_scikit_learn() -> None:
    """As accuracy of labels, and as F1 of the words that an answer has, each once; empty ones among them."""
    metrics = pytest.importorskip("sklearn.metrics")
    draw, vocabulary = random.Random(6), ["red", "green", "blue", "old", "new"]
    labels, said = (draw.choices([*vocabulary, ""], k=300) for _ in "ab")
    exact = [exact_match(one, other) for one, other in zip(said, labels, strict=True)]
    assert fmean(exact) == pytest.approx(metrics.accuracy_score(labels, said), abs=1e-12)
    for _ in range(200):
        one, other = (draw.sample(vocabulary, draw.randrange(len(vocabulary) + 1)) for _ in "ab")
        has = [[word in words for word in vocabulary] for words in (other, one)]
        theirs = metrics.f1_score(*has, zero_division=1.0 if not one and not other else 0.0)
        assert token_f1(" ".join(one), " ".join(other)) == pytest.approx(theirs, abs=1e-12)


def test_text_metrics_are_at_both_ends_for_the_best_and_the_worst(context: StageContext) -> None:
    evaluator = TextMetrics(TextMetricsOptions())
    best = {m.name: m.value for m in evaluator.evaluate(FakeTarget(right=True), DATA, context).metrics}
    worst = {m.name: m.value for m in evaluator.evaluate(FakeTarget(right=False), DATA, context).metrics}
    assert (best["exact_match"], best["f1"], best["rougeL"]) == (1.0, 1.0, 1.0)
    assert (worst["exact_match"], worst["f1"], worst["rougeL"]) == (0.0, 0.0, 0.0)


def test_bleu_is_sacrebleu_with_its_signature(context: StageContext) -> None:
    from sacrebleu.metrics import BLEU

    long = [Example("f:1", (Message("user", "x"), Message("assistant", "the cat sat on the mat today")))]

    class Near(FakeTarget):
        def _answer(self, question: str) -> object:  # type: ignore[override]
            from ftctl.ports import Answer

            return Answer("the cat sat on a mat today", (1,), "stop")

    report = TextMetrics(TextMetricsOptions()).evaluate(Near(), long, context)
    expected = (
        BLEU(tokenize="13a").corpus_score(["the cat sat on a mat today"], [["the cat sat on the mat today"]]).score
    )
    assert next(m.value for m in report.metrics if m.name == "bleu") == pytest.approx(expected, abs=1e-9)
    assert "tok:13a" in report.notes["bleu"]
    assert {m.name for m in report.metrics} >= {"rouge1", "rouge2", "rougeL"}
    assert all(m.stderr is not None for m in report.metrics)


def test_chinese_is_tokenised_as_chinese(context: StageContext) -> None:
    data = [Example("f:1", (Message("user", "x"), Message("assistant", "今天天气很好我们去公园")))]
    report = TextMetrics(TextMetricsOptions()).evaluate(FakeTarget(), data, context)
    assert "tok:zh" in report.notes["bleu"]


def test_a_uniform_model_has_its_vocabulary_as_perplexity(context: StageContext) -> None:
    report = Perplexity(PerplexityOptions()).evaluate(FakeTarget(log_probability=-math.log(50)), DATA, context)
    perplexity = next(m for m in report.metrics if m.name == "perplexity")
    assert perplexity.value == pytest.approx(50, abs=1e-9)
    assert perplexity.stderr == pytest.approx(0, abs=1e-9)


def test_the_standard_error_of_a_mean() -> None:
    metric = mean_metric("m", [0.0, 1.0, 1.0, 0.0], unit="share", direction="higher")
    assert (metric.value, metric.n) == (0.5, 4)
    assert metric.stderr == pytest.approx(math.sqrt((4 * 0.25 / 3) / 4))


class Letters:
    """A tokenizer of letters."""

    stop_ids = frozenset[int]()

    def encode(self, text: str) -> list[int]:
        return list(map(ord, text))

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        return "".join(map(chr, ids))


@pytest.mark.parametrize(
    ("answer", "margins", "verdict"),
    [
        ("abc", (1.0, 1.0, 1.0), "equal"),
        ("abx", (1.0, 1.0, 0.01), "tie"),
        ("abx", (1.0, 1.0, 0.2), "different"),
        ("axc", (1.0, 0.01, 1.0), "tie"),
        ("xbc", (1.0, 0.01, 0.01), "different"),
        ("abcd", (1.0, 1.0, 1.0), "different"),
        ("abcd", (1.0, 1.0, 0.01), "tie"),
    ],
)
def test_answers_may_part_only_at_a_tie(answer: str, margins: tuple[float, ...], verdict: str) -> None:
    case = GoldenCase((Message("user", "x"),), "x", (1,), "abc", tuple(map(ord, "abc")), margins, 3)
    assert compare(case, answer, Letters()) == verdict


class Bytes:
    """A tokenizer of bytes, in which one character takes several tokens."""

    stop_ids = frozenset[int]()

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int], *, special: bool = False) -> str:
        return bytes(ids).decode(errors="replace")


def test_a_part_of_a_character_is_no_difference() -> None:
    ids = tuple("你好".encode())
    case = GoldenCase((Message("user", "x"),), "x", (1,), "你好", ids, (1.0, 1.0, 1.0, 0.01, 1.0, 1.0), 6)
    assert compare(case, "你好", Bytes()) == "equal"
    assert compare(case, "你们", Bytes()) == "tie"
    assert compare(evolve(case, margins=(0.01, 1.0, 1.0, 1.0, 1.0, 1.0)), "你们", Bytes()) == "different"


def test_what_rounding_can_turn_is_a_tie() -> None:
    case = GoldenCase((Message("user", "x"),), "x", (1,), "abc", tuple(map(ord, "abc")), (1.0, 1.0, 0.1), 3)
    assert compare(case, "abx", Letters()) == "different"
    assert compare(evolve(case, noise=0.2), "abx", Letters()) == "tie"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world", ["hello", "world"]),
        ("दिन अच्छा है", ["दिन", "अच्छा", "है"]),
        ("cafe\u0301", ["caf\u00e9"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("你好 world", ["你", "好", "world"]),
        ("ひらがな", ["ひ", "ら", "が", "な"]),
        ("مرحبا بك", ["مرحبا", "بك"]),
        ("안녕 세상", ["안녕", "세상"]),
        ("+++ ---", ["+++", "---"]),
        ("", []),
    ],
)
def test_words_of_many_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


class Says(FakeTarget):
    """Answers every question alike."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def _answer(self, question: str) -> object:  # type: ignore[override]
        from ftctl.ports import Answer

        return Answer(self.text, (1,), "stop")


@pytest.mark.parametrize(
    "text", ["สวัสดีครับทุกคน", "ひらがなだけのぶんです", "你好世界你好", "+++ === +++ ===", "नमस्ते दुनिया यह है"]
)
def test_an_answer_that_is_equal_has_every_figure_at_its_best(text: str, context: StageContext) -> None:
    data = [Example("f:1", (Message("user", "x"), Message("assistant", text)))]
    options = TextMetricsOptions(more=("wer", "cer", "macro_f1"))
    found = {m.name: m.value for m in TextMetrics(options).evaluate(Says(text), data, context).metrics}
    assert found["bleu"] == pytest.approx(100)
    assert {found[name] for name in ("exact_match", "f1", "rouge1", "rougeL", "macro_f1")} == {1.0}
    assert (found["wer"], found["cer"]) == (0, 0)


def test_words_that_differ_in_a_mark_are_different_words(context: StageContext) -> None:
    for said, text in (("दीन", "दिन"), ("cafe", "cafe\u0301")):
        data = [Example("f:1", (Message("user", "x"), Message("assistant", text)))]
        options = TextMetricsOptions(more=("wer",))
        found = {m.name: m.value for m in TextMetrics(options).evaluate(Says(said), data, context).metrics}
        assert (found["rouge1"], found["wer"]) == (0, 1)


@pytest.mark.parametrize(
    ("said", "exact", "verbatim", "wer"),
    [("The Answer.", 1.0, 0.0, 2.0), (" answer\n", 1.0, 1.0, 0.0), ("other", 0.0, 0.0, 1.0)],
)
def test_the_raw_form_is_measured_beside_the_normalised_one(
    said: str, exact: float, verbatim: float, wer: float, context: StageContext
) -> None:
    data = [Example("f:1", (Message("user", "x"), Message("assistant", "answer")))]
    found = TextMetrics(TextMetricsOptions(more=("wer", "macro_f1"))).evaluate(Says(said), data, context)
    told = {metric.name: metric.value for metric in found.metrics}
    for name in ("exact_match", "f1", "macro_f1"):
        assert (told[name], told[f"{name}_verbatim"]) == (exact, verbatim)
    assert told["wer_verbatim"] == wer
    assert "after SQuAD's normalisation" in found.notes["exact_match"]
