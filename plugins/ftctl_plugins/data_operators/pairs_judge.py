"""``pairs-judge``: make preference pairs by a judge model, asked in both orders."""

from collections.abc import Sequence

from ftctl.domain import Dropped, Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext
from ftctl_adapters.serving.batch_client import Asker
from ftctl_adapters.serving.retry import NoAnswer
from ftctl_plugins.data_operators.pairs import paired, responses
from ftctl_plugins.endpoint_options import AskingOptions, asker
from ftctl_plugins.pairwise_judge import JUDGE, VERDICT_TOKENS, preferred


@options
class PairsJudgeOptions(AskingOptions):
    """Options of `PairsJudge`."""

    rubric: str = option(JUDGE, help="Prompt of the judge.")


class PairsJudge(RowOperator):
    """Compare the first two of ``responses`` in both orders; a judge that changes its mind gives no pair."""

    def __init__(self, options: PairsJudgeOptions) -> None:
        self._options = options
        self._asker: Asker | None = None

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        self._asker = self._asker or asker(self._options, context, max_tokens=VERDICT_TOKENS)
        return [self._outcome(row, self._asker) for row in rows]

    def _outcome(self, row: Example, judge: Asker) -> Outcome:
        answers = [one["text"] for one in responses(row)][:2]
        if len(answers) < 2 or not row.messages:
            return row if row.rejected else Dropped("filtered", "fewer than two responses")
        try:
            asked, rubric = row.messages[:-1], self._options.rubric
            said = [preferred(judge, rubric, asked, first, second) for first, second in (answers, answers[::-1])]
        except NoAnswer as error:
            return Dropped("filtered", f"the judge gave no verdict: {error}")
        if said == ["A", "B"]:
            return paired(row, answers[0], answers[1])
        if said == ["B", "A"]:
            return paired(row, answers[1], answers[0])
        return Dropped("filtered", "a tie" if said == ["C", "C"] else "the judge changed its mind with the order")
