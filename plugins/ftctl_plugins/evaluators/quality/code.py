"""``code``: run the functions that a model writes against tests, in a sandbox."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import comb
from typing import Any

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.event import PROGRESS_MADE
from ftctl.domain.example import Example
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.plugin.stage_journal import Journal
from ftctl.ports import Answer, Evaluator, StageContext, Target
from ftctl.ports.evaluator import EvaluatorError
from ftctl_adapters.process.sandbox import Bounds, Ran, refuse_in_the_open, run_python
from ftctl_plugins.evaluators.option_file import read_bytes
from ftctl_plugins.evaluators.own_cases import LANGUAGES, LANGUAGES_HELP, LENGTH_HELP, Case, ask, prompt
from ftctl_plugins.evaluators.quality.code_tasks import Task, own_tasks, program, read_tasks

ASKED = {
    "en": "Complete this Python function. Reply with the whole function in one code block.\n\n```python\n{}```",
    "zh": "请补全下面的 Python 函数,用一个代码块回答完整的函数。\n\n```python\n{}```",
}


TOLD = 16
"""After how many programs that is told."""


@options
class CodeOptions:
    """Options of `Code`."""

    data: str | None = option(
        None, help="Your own tasks, a JSONL file with the keys of HumanEval; null: sixteen of ours.", location=True
    )
    languages: tuple[str, ...] = option(LANGUAGES, help=LANGUAGES_HELP, choices=LANGUAGES)
    k: tuple[int, ...] = option((1,), help="Values of k for pass@k; each at most n.")
    n: int = option(1, help="Answers to each task. One is greedy, several are drawn.", ge=1, le=1000)
    temperature: float = option(0.8, help="Sampling temperature.", gt=0, le=4)
    seed: int = option(1, help="Random seed.", ge=0)
    timeout: float = option(3.0, help="Seconds that an answer may run.", gt=0, le=600)
    memory_mb: int = option(512, help="Memory that it may have, with all that it starts.", ge=64, le=1 << 20)
    max_new_tokens: int = option(512, help=LENGTH_HELP, ge=1, le=65_536)


class Code(Evaluator):
    """Measures ``pass_at_k``, the probability that one of k answers passes the tests, as a mean over tasks.

    The estimator has no bias: Chen et al., Evaluating large language models trained on code, 2021. Answers run on Linux
    without network, in an empty home in memory, with nothing of yours to be seen; all that they start ends with them.
    """

    def __init__(self, options: CodeOptions) -> None:
        wrong = [k for k in options.k if not 1 <= k <= options.n]
        if wrong or not options.k:
            line = f"code.k: {wrong[0] if wrong else 'empty'}; each k is at least 1 and at most n, which is {options.n}"
            raise ConfigInvalid(line, next_step="more answers: n")
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(answers=len(self._tasks()) * self._options.n, longest=self._options.max_new_tokens)

    def fingerprint(self) -> str:
        return hashlib.sha256(read_bytes("code.data", self._options.data)).hexdigest() if self._options.data else ""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        tasks = {task.where: task for task in self._tasks()}
        refuse_in_the_open(self._bounds())
        texts = {where: ASKED[task.language].format(task.prompt) for where, task in tasks.items()}
        cases = [Case(where, prompt(("user", text)), {}) for where, text in texts.items()]
        answers: dict[str, list[Answer]] = {where: [] for where in tasks}
        gone: dict[str, dict[str, Any]] = {}
        for number in range(self._options.n):
            told, missing = ask(self._drawn(target, number), cases, self._options.max_new_tokens)
            for case, answer in told:
                answers[case.where].append(answer)
            gone |= {str(one["where"]): one for one in missing}
        # of a task with an answer that did not come, nothing is known as of the others
        whole = {where: given for where, given in answers.items() if where not in gone}
        ran = self._run([(tasks[where], answer.text) for where, given in whole.items() for answer in given], context)
        records = []
        for place, (where, given) in enumerate(whole.items()):
            ends = ran[place * self._options.n : (place + 1) * self._options.n]
            records.append(self._record(tasks[where], given, ends))
        names = [f"pass_at_{k}" for k in dict.fromkeys(self._options.k)]
        metrics = tuple(
            mean_metric(name, [one[name] for one in records], unit="share", direction="higher") for name in names
        )
        return Report("code", metrics if records else (), (*records, *gone.values()))

    def _tasks(self) -> list[Task]:
        asked = self._options
        known = read_tasks(asked.data) if asked.data else own_tasks()
        chosen = [task for task in known if task.language in (asked.languages or LANGUAGES)]
        if not chosen:
            raise EvaluatorError(f"code.languages: {asked.data} has no task in {', '.join(asked.languages)}")
        return chosen

    def _bounds(self) -> Bounds:
        return Bounds(self._options.timeout, self._options.memory_mb)

    def _drawn(self, target: Target, number: int) -> Target:
        asked = self._options
        return target if asked.n == 1 else _Drawn(target, asked.temperature, asked.seed * 1000 + number)

    def _run(self, answers: Sequence[tuple[Task, str]], context: StageContext) -> list[Ran]:
        """Test each answer, one a processor at a time; on another try only untested ones."""
        bounds, journal = self._bounds(), Journal(context.work / "code.ndjson")
        programs = [program(*one) for one in answers]
        ran = {key: Ran(ok, why) for key, ok, why in journal.values()}
        left = {key: one for one in programs if (key := _key(one)) not in ran}
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            try:
                ends = threads.map(lambda one: run_python(one, bounds), left.values())
                for number, (key, end) in enumerate(zip(left, ends, strict=True), start=1):
                    ran[key] = end
                    journal.append([[key, end.ok, end.why]])
                    context.stop_if_cancelled()
                    if number % TOLD == 0 or number == len(left):
                        context.emit(PROGRESS_MADE, done=number, total=len(left), unit="programs")
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return [ran[_key(one)] for one in programs]

    def _record(self, task: Task, answers: Sequence[Answer], ran: Sequence[Ran]) -> dict[str, Any]:
        n, right = len(ran), sum(one.ok for one in ran)
        shown = next((place for place, one in enumerate(ran) if not one.ok), 0)
        figures = {f"pass_at_{k}": pass_at(k, n, right) for k in self._options.k}
        return {"where": task.where, "prompt": task.prompt, "answer": answers[shown].text, "right": right,
                "why": ran[shown].why, **figures}  # fmt: skip


def _key(program: str) -> str:
    return hashlib.sha256(program.encode("utf-8", "surrogatepass")).hexdigest()


class _Drawn(Target):
    """Answers of one draw."""

    def __init__(self, target: Target, temperature: float, seed: int) -> None:
        self._target, self._temperature, self._seed = target, temperature, seed

    def generate(self, prompts: Sequence[Any], max_new_tokens: int) -> list[Answer]:
        return self._target.sample(prompts, max_new_tokens, self._temperature, self._seed)

    def score(self, examples: Sequence[Example]) -> list[Any]:
        return self._target.score(examples)


def pass_at(k: int, n: int, right: int) -> float:
    """Return the probability that one of k answers is right, drawn from n answers of which ``right`` are."""
    return 1.0 - comb(n - right, k) / comb(n, k)
