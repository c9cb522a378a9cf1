"""``tool-calls``: whether the right tools are called with the right arguments, and none where none is needed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from ftctl.domain.codec import canonical
from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example, Prompt
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.domain.tool_call import ToolCall
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered

CALLING = ("tool_calls_equal", "tool_names_equal", "tool_arguments_equal", "tool_calls_known")
ABSTAINING = "tool_abstention"


@options
class ToolCallsOptions:
    """Options of `ToolCalls`."""

    max_new_tokens: int = option(256, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


@frozen
class _Case:
    where: str
    prompt: Prompt
    expected: tuple[ToolCall, ...]
    said: str


class ToolCalls(Evaluator):
    """Asks once a conversation that has tools: for its first answer that calls any, or for its last one.

    Where calls are expected: ``tool_calls_equal`` (every call with its arguments and none more), ``tool_names_equal``
    (the same functions as often), ``tool_arguments_equal`` (share of expected calls made exactly), ``tool_calls_known``
    (all calls name tools that the row has; no call at all counts as 0). Where none is: ``tool_abstention``. Order makes
    no difference, and arguments are compared as JSON.
    """

    def __init__(self, options: ToolCallsOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            answers=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        from ftctl_adapters.modeling.answer_calls import answer_calls

        cases = [case for example in data for case in _case(example)]
        skipped, cases = sum(1 for example in data if example.messages) - len(cases), cases[: self._options.limit]
        if not cases:
            text = "tool-calls needs conversations with tools; the test split has none"
            raise NoUsableRows(text, next_step="leave it out, or give a test split that has such")
        told = target.generate([case.prompt for case in cases], self._options.max_new_tokens)
        kept, answers, missing = answered(cases, told)
        records: list[dict[str, Any]] = []
        for case, answer in zip(kept, answers, strict=True):
            figures = _figures(answer_calls(answer.text), case)
            records.append({"where": case.where, "prompt": case.prompt.question, "expected": case.said,
                            "answer": answer.text, "finish_reason": answer.finish_reason, **figures})  # fmt: skip
        return Report(
            "tool-calls", tuple(_metrics(records)), (*records, *missing), {"tool-calls": _note(kept, skipped)}
        )


def _case(example: Example) -> list[_Case]:
    """Return the answer of a conversation that is asked for, with the turns before it; none where it has no tools."""
    answers = [place for place, turn in enumerate(example.messages) if turn.role == "assistant" and place]
    if not example.tools or not answers:
        return []
    place = next((place for place in answers if example.messages[place].tool_calls), answers[-1])
    turn = example.messages[place]
    return [_Case(example.where, Prompt(example.messages[:place], tuple(example.tools)), turn.tool_calls, turn.said)]


def _figures(made: Sequence[ToolCall], case: _Case) -> dict[str, float]:
    if not case.expected:
        return {ABSTAINING: float(not made)}
    known = {str(tool.get("function", tool).get("name")) for tool in case.prompt.tools}
    have, want = Counter(map(_identity, made)), Counter(map(_identity, case.expected))
    names = Counter(call.name for call in made) == Counter(call.name for call in case.expected)
    alike = (have & want).total() / want.total()
    callable_ = bool(made) and all(call.name in known for call in made)
    return dict(zip(CALLING, (float(have == want), float(names), alike, float(callable_)), strict=True))


def _identity(call: ToolCall) -> bytes:
    """Return what two equal calls have in common: name and arguments, whatever the order of keys, 1 as 1.0."""
    return canonical([call.name, _plain(call.object)])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _metrics(records: Sequence[dict[str, Any]]) -> Iterator[Metric]:
    for name in (*CALLING, ABSTAINING):
        values = [record[name] for record in records if name in record]
        if values:
            yield mean_metric(name, values, unit="share", direction="higher")


def _note(cases: Sequence[_Case], skipped: int) -> str:
    calling = sum(1 for case in cases if case.expected)
    left = f"; {skipped} examples left out: no tools" if skipped else ""
    return f"{calling} answers with calls, {len(cases) - calling} without{left}"
