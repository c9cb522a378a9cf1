"""Optional metrics of `text-metrics`."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

from ftctl.domain.metric import Metric, mean_metric
from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.exact_match import normalise
from ftctl_plugins.evaluators.words import tokens, words

BOOTSTRAP = 200

Texts = Sequence[str]


def chrf(answers: Texts, expected: Texts) -> Metric:
    """Return corpus chrF, 0 to 100, by sacrebleu. Popović, 2015."""
    from sacrebleu.metrics import CHRF

    found = CHRF().corpus_score(list(answers), [list(expected)], n_bootstrap=BOOTSTRAP)
    return Metric("chrf", float(found.score), "chrf", "higher", len(answers), float(found._ci) / 1.96)


def chrf_signature() -> str:
    """Return sacrebleu's signature of chrF."""
    from sacrebleu.metrics import CHRF

    made = CHRF()
    made.corpus_score(["a"], [["a"]])  # it knows how many references there are once it was asked
    return str(made.get_signature())


class _NoSynonyms:
    """Empty WordNet, since its data is not included."""

    def synsets(self, *_: object, **__: object) -> list[object]:
        return []


def meteor_exact_stem(answers: Texts, expected: Texts) -> Metric:
    """Return METEOR by nltk without synonyms: exact words and English stems. Banerjee and Lavie, 2005."""
    try:
        from nltk.translate.meteor_score import single_meteor_score
    except ImportError as error:
        raise EvaluatorError("meteor_exact_stem needs nltk", next_step="pip install 'ftctl[eval]'") from error
    values = [
        float(single_meteor_score(words(wanted), words(text), wordnet=_NoSynonyms())) if words(wanted) else 0.0
        for text, wanted in zip(answers, expected, strict=True)
    ]
    return mean_metric("meteor_exact_stem", values, unit="share", direction="higher")


def wer(answers: Texts, expected: Texts) -> Metric:
    """Return the word error rate over all examples together."""
    return _error_rate("wer", [words(text) for text in answers], [words(text) for text in expected])


def wer_verbatim(answers: Texts, expected: Texts) -> Metric:
    """Return the error rate of words as they are written, with case and punctuation."""
    return _error_rate("wer_verbatim", [tokens(text) for text in answers], [tokens(text) for text in expected])


def cer(answers: Texts, expected: Texts) -> Metric:
    """Return the character error rate over all examples together."""
    return _error_rate("cer", answers, expected)


def _error_rate(name: str, answers: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> Metric:
    """Return the edit distance by expected length; the standard error is that of a ratio (delta method)."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise EvaluatorError(f"{name} needs rapidfuzz", next_step="pip install 'ftctl[eval]'") from error
    errors = [Levenshtein.distance(text, wanted) for text, wanted in zip(answers, expected, strict=True)]
    sizes = [len(wanted) for wanted in expected]
    total, n = max(sum(sizes), 1), len(sizes)
    rate = sum(errors) / total
    apart = math.fsum((one - rate * size) ** 2 for one, size in zip(errors, sizes, strict=True))
    return Metric(name, rate, "ratio", "lower", n, math.sqrt(apart * n / (n - 1)) / total if n > 1 else None)


def macro_f1(answers: Texts, expected: Texts) -> Metric:
    """Return the mean F1 over expected answers as classes; compared as `exact_match` does."""
    return _over_classes("macro_f1", list(map(normalise, answers)), list(map(normalise, expected)))


def macro_f1_verbatim(answers: Texts, expected: Texts) -> Metric:
    """Return the mean F1 over classes as they are written, but for blanks at both ends."""
    return _over_classes("macro_f1_verbatim", list(map(str.strip, answers)), list(map(str.strip, expected)))


def _over_classes(name: str, answers: Texts, expected: Texts) -> Metric:
    """Return a macro-F1; its standard error is that of leaving some examples out."""
    from ftctl_adapters.statistics.bootstrap import figure_error

    pairs = list(zip(answers, expected, strict=True))
    error = figure_error(lambda places: _macro_f1([pairs[place] for place in places]), len(pairs))
    return Metric(name, _macro_f1(pairs), "share", "higher", len(pairs), error)


def _macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return macro-F1 of pairs of answer and label."""
    said, wanted = (Counter(texts) for texts in zip(*pairs, strict=True))
    both = Counter(one for one, other in pairs if one == other)
    return math.fsum(2 * both[label] / (said[label] + wanted[label]) for label in sorted(wanted)) / len(wanted)


MORE: dict[str, Callable[[Texts, Texts], Metric]] = {
    "chrf": chrf,
    "meteor_exact_stem": meteor_exact_stem,
    "wer": wer,
    "cer": cer,
    "macro_f1": macro_f1,
}
VERBATIM: dict[str, Callable[[Texts, Texts], Metric]] = {"wer": wer_verbatim, "macro_f1": macro_f1_verbatim}
"""Figures of texts as they are written, beside those of normalised texts."""


def further(names: Sequence[str], answers: Texts, expected: Texts) -> list[Metric]:
    """Return the figures of these names, each with the one of texts as they are written, if there is one."""
    asked = [one for name in names for one in (MORE[name], VERBATIM.get(name)) if one]
    return [figure(answers, expected) for figure in asked]
