"""Written functions are run: pass@k is what it says, and answers come in many shapes."""

import json
from collections.abc import Sequence
from math import comb
from pathlib import Path

import pytest
from attrs import define, field

from ftctl.domain.example import Prompt
from ftctl.errors import BackendFailed, ConfigInvalid
from ftctl.ports import Answer
from ftctl.ports.evaluator import EvaluatorError
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget
from ftctl_adapters.process.sandbox import Bounds, Ran, run_python
from ftctl_plugins.evaluators.own_cases import LANGUAGES, read_cases
from ftctl_plugins.evaluators.quality.code import Code, CodeOptions, pass_at
from ftctl_plugins.evaluators.quality.code_tasks import Task, own_tasks, program
from tests.answering import Ruled

DOUBLE = Task("t", "en", 'def double(n):\n    """Twice n."""\n', "double", "def check(f):\n    assert f(2) == 4\n")
BODY = "    return 2 * n\n"
LINE = json.dumps({"task_id": "t/1", "prompt": "\u2028", "entry_point": "f", "test": ""}, ensure_ascii=False)


@define
class Lucky(Ruled):
    """Right in the draws of so many seeds."""

    right: int = 0
    seeds: dict[int, int] = field(factory=dict)

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        place = self.seeds.setdefault(seed, len(self.seeds))
        text = self.says(prompts[0]) if place < self.right else "def double(n): return n"
        return [Answer(text, (1,), "stop") for _ in prompts]


@pytest.fixture
def data(tmp_path: Path) -> str:
    line = {"task_id": "t/1", "prompt": DOUBLE.prompt, "entry_point": "double", "test": DOUBLE.test}
    (tmp_path / "tasks.jsonl").write_text(json.dumps(line) + "\n")
    return str(tmp_path / "tasks.jsonl")


@pytest.mark.parametrize(("n", "right"), [(5, 0), (5, 2), (5, 5), (6, 1)])
def test_pass_at_k_is_the_closed_form(data: str, tmp_path: Path, n: int, right: int) -> None:
    target = Lucky(lambda prompt: DOUBLE.prompt + BODY, right=right)
    report = Code(CodeOptions(data=data, n=n, k=(1, 3))).evaluate(target, [], recording(tmp_path))
    found = {metric.name: metric.value for metric in report.metrics}
    assert found == {f"pass_at_{k}": pytest.approx(1 - comb(n - right, k) / comb(n, k)) for k in (1, 3)}
    assert len(target.seeds) == n, "each answer is a draw of its own"


def test_of_four_answers_with_one_right_two_show_it_half_of_the_time() -> None:
    assert pass_at(2, 4, 1) == pytest.approx(0.5)


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_tasks_are_passed_by_their_solutions_and_by_nothing_else(tmp_path: Path, language: str) -> None:
    solutions = {line["prompt"]: line["canonical_solution"] for line in read_cases("quality/code")}
    tasks = {task.prompt: task for task in own_tasks() if task.language == language}
    assert len(tasks) == 8

    def solved(prompt: Prompt) -> str:
        text = next(text for text in tasks if text in prompt.question)
        return f"```python\n{text}{solutions[text]}```"

    for says, value in ((solved, 1.0), (lambda prompt: "    pass\n", 0.0), (lambda prompt: "raise SystemExit(0)", 0.0)):
        report = Code(CodeOptions(languages=(language,))).evaluate(Ruled(says), [], recording(tmp_path))
        assert report.metrics[0].value == value, [record for record in report.records if record["pass_at_1"] != value]


@pytest.mark.parametrize(
    "answer",
    [
        BODY,
        DOUBLE.prompt + BODY,
        f"Here it is:\n```python\n{DOUBLE.prompt}{BODY}```\nIt doubles.",
        f"```\n{DOUBLE.prompt}{BODY}",
        f"```bash\nls\n```\n```py\n{DOUBLE.prompt}{BODY}```",
        f"```python\n{BODY}```",
        f"{DOUBLE.prompt}{BODY}\nif __name__ == '__main__':\n    print(double(int(input())))\n",
        "from __future__ import annotations\ndef double(n: Undefined):\n    return 2 * n",
        "```python\nfrom __future__ import (\n    annotations,\n)\ndef double(n: Undefined):\n    return 2 * n\n```",
        "- First:\n  ```python\n  def double(n):\n      return 2 * n\n  ```\n",
        "```python\ndef twice(n):\n    return 2 * n\n```\nand\n```python\ndef double(n):\n    return twice(n)\n```",
        "You gave\n```python\ndef double(n):\n```\nso:\n```python\ndef double(n):\n    return 2 * n\n```",
        f"```python\n{DOUBLE.prompt}{BODY}```\nUse it so:\n```python\nprint(double(input()))\n```",
    ],
    ids=[
        "body",
        "whole",
        "fenced",
        "open fence",
        "second fence",
        "fenced body",
        "main",
        "future",
        "long future",
        "in a list",
        "with a helper",
        "quoted",
        "with its use",
    ],
)
def test_an_answer_is_found_in_what_is_said(data: str, tmp_path: Path, answer: str) -> None:
    report = Code(CodeOptions(data=data)).evaluate(Ruled(lambda prompt: answer), [], recording(tmp_path))
    assert report.metrics[0].value == 1.0, f"{report.records[0]['why']}\n{program(DOUBLE, answer)}"


def test_what_went_wrong_is_told(data: str, tmp_path: Path) -> None:
    slow = "def double(n):\n    while True: pass"
    report = Code(CodeOptions(data=data, timeout=0.5)).evaluate(Ruled(lambda prompt: slow), [], recording(tmp_path))
    assert (report.records[0]["where"], report.records[0]["why"]) == ("t/1", "ran too long")


def test_several_answers_need_a_model_that_draws(data: str, tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match="only answers greedily"):
        Code(CodeOptions(data=data, n=2)).evaluate(FakeTarget(), [], recording(tmp_path))


def test_what_a_question_begins_with_holds_for_a_whole_function_too() -> None:
    question = 'import math\ndef half(n):\n    return n / 2\ndef root(n):\n    """Of half of it."""\n'
    task = Task("t", "en", question, "root", "def check(f):\n    assert f(8) == 2\n")
    answer = "from __future__ import annotations\ndef root(n):\n    return math.sqrt(half(n))"
    assert run_python(program(task, answer), Bounds()) == Ran(True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", r"tasks.jsonl:1 is no JSON"),
        ("{}", r"tasks.jsonl:1 has no text `prompt`"),
        (f"{LINE}\n{LINE}", "tasks.jsonl:2: two tasks are called 't/1'"),
        ("\n\n", "tasks.jsonl has no task"),
        ('{"prompt": "", "test": "", "entry_point": "a b"}', "names no function in `entry_point`"),
    ],
)
def test_a_line_that_is_no_task_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "tasks.jsonl").write_text(line)
    with pytest.raises(EvaluatorError, match=said):
        Code(CodeOptions(data=str(tmp_path / "tasks.jsonl"))).evaluate(FakeTarget(), [], recording(tmp_path))


def test_no_k_is_beyond_n() -> None:
    with pytest.raises(ConfigInvalid, match=r"code\.k: 5; each k is at least 1 and at most n, which is 2"):
        Code(CodeOptions(k=(1, 5), n=2))


def test_programs_that_were_tested_before_a_kill_are_not_tested_again(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def dying(source: str, bounds: Bounds) -> Ran:
        ran.append(source)
        if len(ran) == 3:
            raise KeyboardInterrupt
        return Ran("2 * n" in source, "" if "2 * n" in source else "wrong")

    class Numbered(Lucky):
        def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
            place = self.seeds.setdefault(seed, len(self.seeds))
            body = "2 * n" if place % 2 else "n"
            return [Answer(f"{DOUBLE.prompt}    return {body}  # {place}\n", (1,), "stop") for _ in prompts]

    monkeypatch.setattr("ftctl_plugins.evaluators.quality.code.run_python", dying)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    evaluator = Code(CodeOptions(data=data, n=5, k=(1,)))
    context = recording(tmp_path / "stage")
    with pytest.raises(KeyboardInterrupt):
        evaluator.evaluate(Numbered(lambda prompt: ""), [], context)
    done, before = set(ran[:2]), len(ran)
    report = evaluator.evaluate(Numbered(lambda prompt: ""), [], context)
    assert len(ran[before:]) == 3
    assert not done & set(ran[before:])
    assert report.metrics[0].value == 2 / 5
