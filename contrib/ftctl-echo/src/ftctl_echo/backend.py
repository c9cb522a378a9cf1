"""Share of answers that repeat their question, as undertrained models do."""

from collections.abc import Sequence

from ftctl.domain import Example, Report, mean_metric
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered


@options
class EchoOptions:
    max_new_tokens: int = option(32, help="Maximum number of new tokens.", ge=1)


class Echo(Evaluator):
    """Upper and lower case do not count."""

    def __init__(self, options: EchoOptions) -> None:
        self._options = options

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        told = target.generate([example.prompt for example in data], self._options.max_new_tokens)
        asked, answers, missing = answered(data, told)
        echoed = [float(e.prompt.question.lower() in a.text.lower()) for e, a in zip(asked, answers, strict=True)]
        records = tuple(
            {"where": example.where, "answer": answer.text, "echoed": value}
            for example, answer, value in zip(asked, answers, echoed, strict=True)
        )
        metric = mean_metric("echoed", echoed, unit="share", direction="lower")
        return Report("echo", (metric,), records + missing)
