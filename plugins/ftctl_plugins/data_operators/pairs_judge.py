"""``pairs-judge``: preference pairs by a judging language model, asked in both orders.

Zheng et al., Judging LLM-as-a-judge with MT-bench and chatbot arena, 2023: a judge prefers places, so both are tried.
"""

import re
from collections.abc import Sequence

from ftctl.domain import Dropped, Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext
from ftctl_adapters.serving.asking import Asker
from ftctl_adapters.serving.insist import NoAnswer
from ftctl_plugins.data_operators.asking import (
    BUDGET_HELP,
    CACHE_HELP,
    KEY_HELP,
    MODEL_HELP,
    TIMEOUT_HELP,
    URL_HELP,
    asker,
)
from ftctl_plugins.data_operators.pairs import paired, responses

JUDGE = (
    "You compare two answers to a question. Judge how right, helpful and clear they are; length and order do not "
    "count. Reply with one word: A if the first is better, B if the second is better, C if neither is."
)
VERDICT = re.compile(r"(?<![A-Za-z])([ABC])(?![A-Za-z])")


@options
class PairsJudgeOptions:
    url_env: str = option(help=URL_HELP)
    model: str = option(help=MODEL_HELP)
    rubric: str = option(JUDGE, help="What the judge is told.")
    key_env: str | None = option(None, help=KEY_HELP)
    budget_tokens: int | None = option(None, help=BUDGET_HELP, ge=1)
    timeout_s: float = option(60.0, help=TIMEOUT_HELP, gt=0)
    cache: str | None = option(None, help=CACHE_HELP, location=True)


class PairsJudge(RowOperator):
    """Of the first two of ``responses``; a judge that changes its mind with their order has said nothing."""

    def __init__(self, options: PairsJudgeOptions) -> None:
        self._options = options
        self._asker: Asker | None = None

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        self._asker = self._asker or asker(self._options, context, max_tokens=8)
        return [self._outcome(row, self._asker) for row in rows]

    def _outcome(self, row: Example, judge: Asker) -> Outcome:
        answers = [one["text"] for one in responses(row)][:2]
        if len(answers) < 2 or not row.messages:
            return row if row.rejected else Dropped("filtered", "fewer than two responses")
        try:
            said = [self._verdict(row, first, second, judge) for first, second in (answers, answers[::-1])]
        except NoAnswer as error:
            return Dropped("filtered", f"the judge gave no verdict: {error}")
        if said == ["A", "B"]:
            return paired(row, answers[0], answers[1])
        if said == ["B", "A"]:
            return paired(row, answers[1], answers[0])
        return Dropped("filtered", "a tie" if said == ["C", "C"] else "the judge changed its mind with the order")

    def _verdict(self, row: Example, first: str, second: str, judge: Asker) -> str:
        asked = "\n\n".join(f"{turn.role}: {turn.content}" for turn in row.messages[:-1])
        told = f"[Question]\n{asked}\n\n[Answer A]\n{first}\n\n[Answer B]\n{second}\n\n[Verdict]"
        turns = [{"role": "system", "content": self._options.rubric}, {"role": "user", "content": told}]
        found = VERDICT.search(judge.ask(turns))
        if not found:
            raise NoAnswer("no A, B or C in its answer")
        return found[1]
