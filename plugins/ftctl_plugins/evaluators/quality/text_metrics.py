"""``text-metrics``: compare greedy answers with the expected ones."""

from collections.abc import Sequence

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Answer, Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.evaluators.exact_match import exact_match, token_f1, token_f1_verbatim
from ftctl_plugins.evaluators.quality.text_scores import BOOTSTRAP, MORE, chrf_signature, further
from ftctl_plugins.evaluators.words import is_unspaced, words

ROUGE = ("rouge1", "rouge2", "rougeL")
NORMALISED = (
    "exact_match and f1 after SQuAD's normalisation: lower case, without articles and punctuation, but with signs and "
    "points of numbers and with symbols; figures named verbatim as written, but for blanks at both ends"
)
WORDS = "ROUGE, METEOR and WER over words in lower case, composed (NFC), without punctuation; BLEU and CER as written"
SHORT = 3
"""Letters of words that have no stem."""


@options
class TextMetricsOptions:
    """Options of `TextMetrics`."""

    max_new_tokens: int = option(128, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)
    tokenize: str = option(
        "auto",
        help="BLEU's tokenizer; auto: zh if an expected answer has Chinese, char if one has another script without "
        "spaces, else 13a.",
        choices=("auto", "13a", "zh", "char", "intl", "none"),
    )
    stem: bool = option(
        False, help="Take ROUGE's words by their English stems, as rouge-score does where it is told to."
    )
    more: tuple[str, ...] = option((), help="Further figures, over all answers together.", choices=tuple(MORE))


class TextMetrics(Evaluator):
    """Measures ``exact_match`` and ``f1`` with SQuAD's normalisation, ``bleu`` by sacrebleu, ROUGE by rouge-score.

    Figures named ``verbatim`` take answers as they are written, but for blanks at both ends.
    """

    def __init__(self, options: TextMetricsOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("text-metrics", data, self._options.limit)
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        expected = [example.answer for example in asked]
        texts = [answer.text for answer in answers]
        exact = [exact_match(t, e) for t, e in zip(texts, expected, strict=True)]
        verbatim = [float(t.strip() == e.strip()) for t, e in zip(texts, expected, strict=True)]
        f1 = [token_f1(t, e) for t, e in zip(texts, expected, strict=True)]
        f1_verbatim = [token_f1_verbatim(t, e) for t, e in zip(texts, expected, strict=True)]
        rouge = _rouge(texts, expected, stem=self._options.stem)
        bleu, signature = _bleu(texts, expected, self._tokenizer(expected))
        stopped = [float(answer.finish_reason == "stop") for answer in answers]
        metrics = (
            mean_metric("exact_match", exact, unit="share", direction="higher"),
            mean_metric("exact_match_verbatim", verbatim, unit="share", direction="higher"),
            mean_metric("f1", f1, unit="share", direction="higher"),
            mean_metric("f1_verbatim", f1_verbatim, unit="share", direction="higher"),
            bleu,
            *(mean_metric(name, values, unit="share", direction="higher") for name, values in rouge.items()),
            mean_metric("stopped", stopped, unit="share", direction="higher"),
            *further(self._options.more, texts, expected),
        )
        records = tuple(map(_record, asked, answers, exact, f1))
        notes = {"bleu": signature, "exact_match": NORMALISED, "rouge": WORDS}
        notes |= {"chrf": chrf_signature()} if "chrf" in self._options.more else {}
        return Report("text-metrics", metrics, records + missing, notes)

    def _tokenizer(self, expected: Sequence[str]) -> str:
        if self._options.tokenize != "auto":
            return self._options.tokenize
        # sacrebleu's zh divides Chinese by characters and the rest as 13a does; of other scripts all characters
        if any("\u4e00" <= one <= "\u9fff" for text in expected for one in text):
            return "zh"
        return "char" if any(map(is_unspaced, expected)) else "13a"


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
    """Return corpus BLEU, 0 to 100, with the signature that makes it comparable (Post, 2018).

    The standard error is that of sacrebleu's bootstrap over examples, whose interval is 1.96 of it to each side.
    """
    from sacrebleu.metrics import BLEU

    plain = BLEU(tokenize=tokenize)
    value = float(plain.corpus_score(texts, [expected]).score)
    spread = float(BLEU(tokenize=tokenize).corpus_score(texts, [expected], n_bootstrap=BOOTSTRAP)._ci)
    return Metric("bleu", value, "bleu", "higher", len(texts), spread / 1.96), str(plain.get_signature())


def _rouge(texts: list[str], expected: list[str], *, stem: bool) -> dict[str, list[float]]:
    """Return ROUGE F-measures of each answer by rouge-score; a CJK character is a token."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(ROUGE), tokenizer=_Words(stem=stem))
    scores = [scorer.score(e, t) for t, e in zip(texts, expected, strict=True)]
    return {name: [float(score[name].fmeasure) for score in scores] for name in ROUGE}


class _Words:
    """Tokenizer for rouge-score that keeps every word and each CJK character; its own drops all but ASCII."""

    def __init__(self, *, stem: bool) -> None:
        from nltk.stem.porter import PorterStemmer

        self._stemmer = PorterStemmer() if stem else None

    def tokenize(self, text: str) -> list[str]:
        stemmer, found = self._stemmer, words(text)
        # short words are left as they are, as its own tokenizer leaves them
        return [stemmer.stem(one) if len(one) > SHORT else one for one in found] if stemmer else found
