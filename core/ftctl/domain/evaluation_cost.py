"""What measuring asks of a model: how much, before it is done, and how fast it was when it was done."""

from collections.abc import Iterable

from attrs import field, frozen


@frozen
class Asks:
    """At most so much: ``answers`` to questions of its own, to the first ``split`` of the test split, and ``scores``.

    Each answer has ``longest`` tokens at most. Evaluators whose answers may be as long share those to the test split.
    """

    answers: int = 0
    split: int = 0
    longest: int = 0
    scores: int = 0


@frozen
class Asked:
    """What several evaluators ask together; ``silent`` are those that do not say."""

    answers: int
    tokens: int
    scores: int
    silent: tuple[str, ...] = field(default=())


def together(found: Iterable[tuple[str, Asks | None]]) -> Asked:
    """The sum of what each evaluator asks, by its name; what they share is asked once."""
    shared: dict[int, int] = {}
    answers = tokens = scores = 0
    silent = []
    for name, one in found:
        if one is None:
            silent.append(name)
            continue
        answers, scores = answers + one.answers, scores + one.scores
        tokens += one.answers * one.longest
        shared[one.longest] = max(shared.get(one.longest, 0), one.split)
    answers += sum(shared.values())
    tokens += sum(longest * count for longest, count in shared.items())
    return Asked(answers, tokens, scores, tuple(silent))


@frozen
class Pace:
    """How fast a model answered and scored on this machine; nothing where it did not."""

    tokens_per_second: float | None = None
    scores_per_second: float | None = None

    def seconds(self, asked: Asked) -> float | None:
        """How long that takes about; nothing where it is not known, or somebody does not say what is asked."""
        if asked.silent or not (asked.tokens or asked.scores):
            return None
        times = ((asked.tokens, self.tokens_per_second), (asked.scores, self.scores_per_second))
        if any(count and not rate for count, rate in times):
            return None
        return sum(count / rate for count, rate in times if count and rate)
