"""Further figures of answers, beside the libraries that define them."""

import random
from statistics import fmean, stdev
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.report import Report
from ftctl.ports.context import StageContext
from ftctl_plugins.evaluators.quality.text_metrics import TextMetrics, TextMetricsOptions
from ftctl_plugins.evaluators.quality.text_scores import MORE, cer, chrf, macro_f1, meteor_exact_stem, wer
from tests.answering import Ruled

WORDS = {
    "en": ["the", "cat", "sat", "on", "a", "mat", "and", "looked", "at", "two", "birds", "over", "there"],
    "zh": list("今天天气很好我们一起去公园散步吧"),
}


def texts(language: str, count: int) -> tuple[list[str], list[str]]:
    """Answers and what was expected: half of the words are the same."""
    draw, space = random.Random(language), " " if language == "en" else ""
    expected = [draw.choices(WORDS[language], k=draw.randint(3, 12)) for _ in range(count)]
    answers = [[one if draw.random() < 0.5 else draw.choice(WORDS[language]) for one in each] for each in expected]
    return [space.join(each) for each in answers], [space.join(each) for each in expected]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chrf_is_that_of_sacrebleu(language: str) -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics")
    answers, expected = texts(language, 500)
    found = chrf(answers, expected)
    assert found.value == pytest.approx(sacrebleu.CHRF().corpus_score(answers, [expected]).score, abs=1e-9)
    assert found.stderr is not None
    assert 0 < found.stderr < 5


def measured(answers: list[str], expected: list[str], context: StageContext, **options: Any) -> Report:
    data = [Example(f"f:{n}", (Message("user", f"{n}"), Message("assistant", one))) for n, one in enumerate(expected)]
    told = {str(n): one for n, one in enumerate(answers)}
    return TextMetrics(TextMetricsOptions(**options)).evaluate(Ruled(lambda p: told[p.question]), data, context)


@pytest.mark.parametrize(("language", "tokenizer"), [("en", "13a"), ("zh", "zh")])
def test_bleu_is_that_of_sacrebleu_by_the_language(language: str, tokenizer: str, context: StageContext) -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics")
    answers, expected = texts(language, 500)
    report = measured(answers, expected, context, more=("chrf",))
    value = next(metric.value for metric in report.metrics if metric.name == "bleu")
    assert value == pytest.approx(sacrebleu.BLEU(tokenize=tokenizer).corpus_score(answers, [expected]).score, abs=1e-9)
    assert f"tok:{tokenizer}" in report.notes["bleu"]
    assert "nc:6" in report.notes["chrf"]


def test_a_chinese_answer_among_english_ones_is_no_single_word(context: StageContext) -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics")
    answers, expected = texts("en", 200)
    mixed = measured([*answers, "今天天气很好"], [*expected, "今天天气很坏"], context)
    assert "tok:zh" in mixed.notes["bleu"]
    plain = sacrebleu.BLEU(tokenize="13a").corpus_score(answers, [expected]).score
    assert sacrebleu.BLEU(tokenize="zh").corpus_score(answers, [expected]).score == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("stem", [False, True])
def test_rouge_is_that_of_rouge_score(stem: bool, context: StageContext) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1", "rouge2", "rougeL"], stem)
    answers, expected = texts("en", 300)
    answers = [f"{one}; well-known cats' running_shoes, 3.5 mats!" for one in answers]
    expected = [f"{one} - the well-known cat runs 3.5 mat" for one in expected]
    found = {metric.name: metric.value for metric in measured(answers, expected, context, stem=stem).metrics}
    theirs = [scorer.score(wanted, text) for text, wanted in zip(answers, expected, strict=True)]
    for name in ("rouge1", "rouge2", "rougeL"):
        assert found[name] == pytest.approx(sum(one[name].fmeasure for one in theirs) / 300, abs=1e-9)


def test_rouge_knows_chinese_near_copies(context: StageContext) -> None:
    report = measured(["今天天气很好我们去公园散步"], ["今天天气很好我们去河边散步"], context)
    found = {metric.name: metric.value for metric in report.metrics}
    assert all(found[name] > 0.5 for name in ("rouge1", "rouge2", "rougeL"))


def test_meteor_is_that_of_nltk_without_a_wordnet() -> None:
    single = pytest.importorskip("nltk.translate.meteor_score").single_meteor_score
    answers, expected = texts("en", 100)

    class Empty:
        def synsets(self, word: str) -> list[object]:
            return []

    theirs = [
        single(wanted.split(), text.split(), wordnet=Empty()) for text, wanted in zip(answers, expected, strict=True)
    ]
    assert meteor_exact_stem(answers, expected).value == pytest.approx(sum(theirs) / 100, abs=1e-9)


def test_meteor_knows_stems_and_no_synonyms() -> None:
    pytest.importorskip("nltk")
    assert meteor_exact_stem(["the cats sat on mat"], ["the cat sat on the mat"]).value == pytest.approx(0.7559322)
    synonyms = meteor_exact_stem(["a big automobile"], ["a large car"]).value
    assert synonyms == meteor_exact_stem(["a xx yy"], ["a large car"]).value
    assert meteor_exact_stem(["今天天气很好"], ["今天天气很坏"]).value > 0.5
    assert meteor_exact_stem(["", "x"], ["x", ""]).value == 0.0


def test_error_rates_count_over_all_examples_together() -> None:
    pytest.importorskip("rapidfuzz")
    answers, expected = ["the cat sat", "x"], ["the black cat sat down", "x"]
    assert wer(answers, expected).value == pytest.approx(2 / 6)
    assert cer(["今天天汽好", ""], ["今天天气很好", "吧"]).value == pytest.approx(3 / 7)
    assert wer(expected, expected).value == 0.0
    assert wer(["a b c d"], ["a"]).value == 3.0


@pytest.mark.parametrize(("absent", "label"), [(False, "never"), (True, "never"), (False, ""), (True, "")])
def test_macro_f1_is_that_of_scikit_learn(absent: bool, label: str) -> None:
    """With a label that is never said, and with one that is empty."""
    metrics = pytest.importorskip("sklearn.metrics")
    draw = random.Random(4)
    labels = ["yes", "no", "maybe", label]
    expected = [draw.choice(labels) for _ in range(300)]
    answers = [one if draw.random() < 0.6 else draw.choice(labels) for one in expected]
    answers = ["something else" if absent and one == label else one for one in answers]
    theirs = metrics.f1_score(expected, answers, labels=labels, average="macro", zero_division=0)
    assert macro_f1([f"{one.upper()}." if one else one for one in answers], expected).value == pytest.approx(
        theirs, abs=1e-12
    )


def test_they_are_told_when_they_are_asked_for(context: StageContext) -> None:
    for module in ("sacrebleu", "nltk", "rapidfuzz", "rouge_score"):
        pytest.importorskip(module)
    one = Example("e:1", (Message("user", "x"), Message("assistant", "the cat sat")))
    data = [one, evolve(one, where="e:2")]
    plain = TextMetrics(TextMetricsOptions()).evaluate(Ruled(lambda prompt: "the cat sat"), data, context)
    asked = TextMetrics(TextMetricsOptions(more=tuple(MORE))).evaluate(Ruled(lambda p: "the cat sat"), data, context)
    told = {metric.name: metric.value for metric in asked.metrics}
    assert {*MORE, "wer_verbatim", "macro_f1_verbatim"} == told.keys() - {metric.name for metric in plain.metrics}
    assert (told["chrf"], told["wer"], told["cer"]) == (pytest.approx(100), 0.0, 0.0)
    assert told["macro_f1"] == 1.0


@pytest.mark.parametrize("labels", ["abc", "abcdefgh"])
def test_the_error_of_macro_f1_is_about_how_far_chance_moves_it(labels: str) -> None:
    """The last label is rarer than the first, and is missed more often."""
    draw, told = random.Random(2), []
    weights = range(len(labels) + 1, 1, -1)
    for _ in range(200):
        expected = draw.choices(labels, weights, k=120)
        answers = [one if draw.random() < 0.9 - labels.index(one) * 0.05 else draw.choice(labels) for one in expected]
        told.append(macro_f1(answers, expected))
    spread = stdev(one.value for one in told)
    assert fmean(one.stderr or 0.0 for one in told) == pytest.approx(spread, rel=0.2)
