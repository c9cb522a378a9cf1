"""``text-metrics``: greedy answers held against the expected ones."""

from collections.abc import Sequence

from ftctl.domain.asks import Asks
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Answer, Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.squad import exact_match, token_f1
from ftctl_plugins.evaluators.text_scores import BOOTSTRAP, MORE, words

ROUGE = ("rouge1", "rouge2", "rougeL")


@options
class TextMetricsOptions:
    max_new_tokens: int = option(128, help="Where an answer is cut.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)
    tokenize: str = option(
        "auto",
        help="BLEU's tokenizer; auto: zh for mostly Chinese answers, else 13a.",
        choices=("auto", "13a", "zh", "char", "intl", "none"),
    )
    more: tuple[str, ...] = option((), help="Further figures, over all answers together.", choices=tuple(MORE))


class TextMetrics(Evaluator):
    """``exact_match`` and ``f1`` with SQuAD's normalisation, ``bleu`` by sacrebleu, ROUGE by rouge-score."""

    def __init__(self, options: TextMetricsOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> Asks:
        return Asks(split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = [example for example in data if example.messages][: self._options.limit]
        if not asked:
            raise NoUsableRows("text-metrics needs conversations; the test split holds raw text only")
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        expected = [example.answer for example in asked]
        texts = [answer.text for answer in answers]
        exact = [exact_match(t, e) for t, e in zip(texts, expected, strict=True)]
        f1 = [token_f1(t, e) for t, e in zip(texts, expected, strict=True)]
        rouge = _rouge(texts, expected)
        bleu, signature = _bleu(texts, expected, self._tokenizer(expected))
        stopped = [float(answer.finish_reason == "stop") for answer in answers]
        metrics = (
            mean_metric("exact_match", exact, unit="share", direction="higher"),
            mean_metric("f1", f1, unit="share", direction="higher"),
            bleu,
            *(mean_metric(name, values, unit="share", direction="higher") for name, values in rouge.items()),
            mean_metric("stopped", stopped, unit="share", direction="higher"),
            *(MORE[name](texts, expected) for name in self._options.more),
        )
        records = tuple(map(_record, asked, answers, exact, f1))
        return Report("text-metrics", metrics, records + missing, {"bleu": signature})

    def _tokenizer(self, expected: Sequence[str]) -> str:
        if self._options.tokenize != "auto":
            return self._options.tokenize
        text = "".join(expected)
        chinese = sum("\u4e00" <= character <= "\u9fff" for character in text)
        return "zh" if chinese * 2 > len(text) else "13a"


def _record(example: Example, answer: Answer, exact: float, f1: float) -> dict[str, object]:
    return {
        "where": example.where,
        "prompt": example.prompt.question,
        "expected": example.answer,
        "answer": answer.text,
        "finish_reason": answer.finish_reason,
        "exact_match": exact,
        "f1": f1,
    }


def _bleu(texts: list[str], expected: list[str], tokenize: str) -> tuple[Metric, str]:
    """Corpus BLEU, 0 to 100, with the signature that makes it comparable (Post, 2018).

    The standard error is that of sacrebleu's bootstrap over examples, whose interval is 1.96 of it to each side.
    """
    from sacrebleu.metrics import BLEU

    plain = BLEU(tokenize=tokenize)
    value = float(plain.corpus_score(texts, [expected]).score)
    spread = float(BLEU(tokenize=tokenize).corpus_score(texts, [expected], n_bootstrap=BOOTSTRAP)._ci)
    return Metric("bleu", value, "bleu", "higher", len(texts), spread / 1.96), str(plain.get_signature())


def _rouge(texts: list[str], expected: list[str]) -> dict[str, list[float]]:
    """ROUGE F-measures of each answer by rouge-score; a CJK character is a token of its own."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(ROUGE), tokenizer=_Words())
    scores = [scorer.score(e, t) for t, e in zip(texts, expected, strict=True)]
    return {name: [float(score[name].fmeasure) for score in scores] for name in ROUGE}


class _Words:
    """rouge-score's own tokenizer drops everything but ASCII; this one keeps every word and each CJK character."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)
