"""An evaluator that counts right answers."""

from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports.context import StageContext
from ftctl.ports.evaluator import Evaluator
from ftctl.ports.missing_answers import answered
from ftctl.ports.target import Target


@options
class FakeEvaluatorOptions:
    """Options of `FakeEvaluator`."""


class FakeEvaluator(Evaluator):
    """Measures the share of right answers."""

    def __init__(self, options: FakeEvaluatorOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost | None:
        return EvaluationCost(split=examples, longest=16)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked, answers, missing = answered(data, target.generate([example.prompt for example in data], 16))
        right = [float(a.text == e.answer) for a, e in zip(answers, asked, strict=True)]
        each = zip(answers, asked, right, strict=True)
        records = tuple({"where": e.where, "answer": a.text, "right": hit} for a, e, hit in each)
        return Report("fake", (mean_metric("right", right, unit="share", direction="higher"),), records + missing)


@options
class FakeReaderOptions:
    """Options of `FakeReader`."""

    path: str | None = option(None, help="A file.", location=True)


class FakeReader(FakeEvaluator):
    """Counts under other names, and reports the content of its file."""

    def __init__(self, options: FakeReaderOptions) -> None:
        self._path = options.path

    def fingerprint(self) -> str:
        return Path(self._path).read_text(encoding="utf-8") if self._path else ""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        told = super().evaluate(target, data, context)
        (context.out / "reader.txt").write_text(self.fingerprint(), encoding="utf-8")
        metrics = tuple(evolve(metric, name="read") for metric in told.metrics)
        return Report("reader", metrics, told.records, {"reader": self.fingerprint()})


@options
class FakeCallerOptions(FakeEvaluatorOptions):
    """Options of `FakeCaller`."""


class FakeCaller(FakeEvaluator):
    """Counts, and reports the path of its program."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        where = context.program.path if context.program else "here"
        return evolve(super().evaluate(target, data, context), evaluator="caller", notes={"program": where})


@options
class FakeComparerOptions(FakeEvaluatorOptions):
    """Options of `FakeComparer`."""


class FakeComparer(FakeEvaluator):
    """Counts, and reports whether there is a base to compare with."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        notes = {"base": "there" if context.base() else "none"}
        return evolve(super().evaluate(target, data, context), evaluator="comparer", notes=notes)
