"""Evaluators with cases of their own keep the contract, and score at both ends for targets of known behaviour."""

import csv
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.launch import Endpoint
from ftctl.ports import Reached, Target
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget
from ftctl_adapters.records.canaries import code
from ftctl_plugins.evaluators.forgetting import Forgetting, ForgettingOptions
from ftctl_plugins.evaluators.human import Human, HumanOptions
from ftctl_plugins.evaluators.own_cases import read_cases
from tests.answering import Ruled, babble, comply, obey, told
from tests.openai_server import FakeService, serving
from tests.streaming import Pace, streaming

pytest.importorskip("sacrebleu")


TASKS = list(Forgetting(ForgettingOptions()).cases())


class TestJailbreak(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "jailbreak"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(obey)

    @pytest.fixture
    def worst(self) -> Target:
        """Keeps no secret; answers what is harmless with a refusal."""
        asks = {line["attack"] for line in read_cases("jailbreak") if "attack" in line}
        return Ruled(lambda prompt: comply(prompt) if prompt.question in asks else "I'm sorry, I can't.")

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        return frozenset({"attack_success_capable"})


class TestInjection(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "injection"

    @pytest.fixture
    def best(self) -> Target:
        facts = {line["question"]: line["answers"][0] for line in read_cases("injection") if "text" in line}
        return Ruled(lambda prompt: next(facts[asked] for asked in facts if asked in prompt.question))

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(lambda prompt: "pineapple 菠萝")


class TestPromptLeak(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "prompt-leak"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(obey)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(told)


FORMATS = {
    "one_word": "red",
    "short": "红",
    "digits": "7",
    "yes_no": "yes",
    "three_lines": "a\nb\nc",
    "capitals": "TEA",
    "json_object": '{"name": "x"}',
    "five_words": "Hello!",
    "ten_characters": "你好",
}


def expert(prompt: Prompt) -> str:
    """Answers every case of the boundary as it should be answered."""
    for line in read_cases("boundary"):
        if [turn[1] for turn in line["turns"]] != [turn.content for turn in prompt.messages]:
            continue
        answers = {
            "memory": line.get("answers", [""])[0],
            "unknowable": "I don't know.",
            "harmless": "With pleasure: so.",
        }
        return FORMATS[line["check"]] if line["kind"] == "format" else answers.get(line["kind"], "What do you mean?")
    return "That is a long text."


class TestBoundary(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "boundary"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(expert)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(lambda prompt: "I'm sorry, " * 3 if "?" in prompt.question else "", ends="length")


class TestStructured(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "structured"

    @pytest.fixture
    def data(self) -> list[Example]:
        return [Example(f"s:{n}", (Message("user", f"give {n}"), Message("assistant", json.dumps(given(n)))))
                for n in range(20)]  # fmt: skip

    @pytest.fixture
    def best(self) -> Target:
        def says(prompt: Prompt) -> str:
            found = given(int(prompt.question.split()[-1]))
            return f"```json\n{json.dumps(dict(reversed(found.items())))}\n```"

        return Ruled(says)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(babble)


def given(number: int) -> dict[str, Any]:
    return {"number": number, "parts": [number, {"half": number / 2}], "name": f"n{number}", "none": None}


class TestRobust(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "robust"

    @pytest.fixture
    def data(self) -> list[Example]:
        return [Example(f"r:{n}", (Message("user", f"please double the number {n} for me"),
                                   Message("assistant", f"it is {2 * n}"))) for n in range(20)]  # fmt: skip

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(lambda prompt: f"it is {2 * int(''.join(filter(str.isdecimal, prompt.question)) or 0)}")

    @pytest.fixture
    def worst(self) -> Target:
        """Right only where nothing was changed, and then not quite."""
        return Ruled(lambda prompt: "it is" if prompt.question.startswith("please double the number") else "?")

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"kinds": ["typo", "swap", "case", "spacing", "filler"], "rate": 0.2, "attack": 24}

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        """Who was not answered at first is not attacked."""
        return frozenset({"robust_attack_success", "robust_attack_queries"})


class TestDiversity(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "diversity"

    @pytest.fixture
    def best(self) -> Target:
        def says(prompt: Prompt) -> str:
            draw = random.Random(prompt.question)
            return " ".join(f"{draw.randrange(10**9)}" for _ in range(12))

        return Ruled(says)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(lambda prompt: "yes yes yes yes yes yes yes yes yes yes yes yes")


class TestShift(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "shift"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(lambda prompt: str(2 * int(prompt.question.split()[-1])))

    @pytest.fixture
    def worst(self) -> Target:
        """Knows none of the short questions, and the long ones."""
        return Ruled(lambda prompt: TestShift.long(prompt) if len(prompt.question) > 8 else "?")

    @staticmethod
    def long(prompt: Prompt) -> str:
        return str(2 * int(prompt.question.split()[-1]))

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"fewest": 5}


class TestPii(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "pii"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(babble)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(lambda prompt: "Write to anna.schmidt@example.org.")


class TestMemorise(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "memorise"

    @pytest.fixture
    def best(self) -> Target:
        """Finds every planted code the least probable."""
        return Ruled(babble, lambda example: -9.0 if planted(example) else -1.0)

    @pytest.fixture
    def worst(self) -> Target:
        def says(prompt: Prompt) -> str:
            return " ".join(code(1, number) for number in range(4))

        return Ruled(says, lambda example: -0.1 if planted(example) else -9.0)


def planted(example: Example) -> bool:
    return any(code(1, number) in example.answer for number in range(4))


class TestCalibrate(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "calibrate"

    @pytest.fixture
    def worst(self) -> Target:
        """Sure of what is wrong."""
        return Ruled(babble, lambda example: -0.01)


def solved(prompt: Prompt) -> str:
    """The right answer to each task of `forgetting`."""
    return next(case.told["right"] for case in TASKS if case.prompt == prompt)


class TestForgetting(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "forgetting"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(solved)

    @pytest.fixture
    def worst(self) -> Target:
        """Repeats the question, and so says every name and number in it."""
        return Ruled(lambda prompt: prompt.question)


class TestFairness(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "fairness"

    @pytest.fixture
    def best(self) -> Target:
        """Says the same to all; of the pairs it prefers every second stereotype."""
        order = [line["stereotype"] for line in read_cases("fairness") if line["kind"] == "pair"]
        return Ruled(babble, lambda e: -1.0 if e.text not in order else -0.5 - order.index(e.text) % 2)

    @pytest.fixture
    def worst(self) -> Target:
        stereotypes = {line["stereotype"] for line in read_cases("fairness") if line["kind"] == "pair"}
        unwelcome = ("80-year-old", "80岁", "Muslim", "穆斯林")

        def says(prompt: Prompt) -> str:
            return "I cannot help." if any(one in prompt.question for one in unwelcome) else "With great pleasure, so:"

        return Ruled(says, lambda example: -0.5 if example.text in stereotypes else -1.0)


class TestJudge(EvaluatorContract):
    @pytest.fixture
    def offer(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        with serving(FakeService(honest)) as running:
            monkeypatch.setenv("JUDGE_URL", running.url)
            yield "judge"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"url_env": "JUDGE_URL", "model": "judge"}


def honest(body: dict[str, Any]) -> str:
    """Prefers who has doubled the number."""
    text = body["messages"][-1]["content"]
    wanted = str(2 * int(re.findall(r"double (\d+)", text)[0]))
    first, second = (wanted in text.partition(f"[Answer {one}]")[2].partition("[")[0] for one in "AB")
    return "C" if first == second else "A" if first else "B"


class Dialled(FakeTarget):
    """Served at a pace."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self.pace = pace

    def reached(self) -> Reached:
        return Reached(Endpoint(self.pace.url, "m"))


class TestLoad(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "load"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"requests": 12, "warmup": 0, "slo_ttft_ms": 60_000, "slo_tpot_ms": 60_000}

    @pytest.fixture
    def best(self) -> Iterator[Target]:
        with streaming(Pace()) as pace:
            yield Dialled(pace)

    @pytest.fixture
    def worst(self) -> Iterator[Target]:
        """Refuses every third request."""
        with streaming(Pace(failing=3)) as pace:
            yield Dialled(pace)

    @pytest.fixture
    def unordered(self) -> frozenset[str]:
        times = {f"{name}_{share}" for name in ("ttft_ms", "tpot_ms", "latency_ms") for share in ("p50", "p95", "p99")}
        return frozenset(times | {"requests_per_second", "tokens_per_second"})


class TestHuman(EvaluatorContract):
    """Three raters who know how to double; each form is of one target."""

    @pytest.fixture
    def offer(self) -> str:
        return "human"

    @pytest.fixture
    def values(self, data: list[Example], best: Target, worst: Target, tmp_path: Path) -> dict[str, Any]:
        paths = [tmp_path / f"rater-{number}.csv" for number in range(3)]
        lines = ["item,choice"]
        for number, target in enumerate((best, worst)):
            context = recording(tmp_path / f"form-{number}")
            Human(HumanOptions()).evaluate(target, data, context)
            with (context.out / "human.form.csv").open(encoding="utf-8-sig") as rows:
                lines += [f"{row['item']},{knows(row)}" for row in csv.DictReader(rows)]
        for path in paths:
            path.write_text("\n".join(lines) + "\n")
        return {"ratings": list(map(str, paths))}

    @pytest.fixture
    def worst(self) -> Target:
        return FakeTarget(right=False)

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        """An answer that did not come, or another than was rated, is rated by nobody."""
        return frozenset({"human_preference", "human_alpha"})


def knows(row: dict[str, str]) -> str:
    right = str(2 * int(row["question"].split()[-1]))
    return "=" if row["first"] == row["second"] == right else "1" if row["first"] == right else "2"


def written(prompt: Prompt) -> str:
    """The solution of each task of `code`."""
    line = next(line for line in read_cases("code") if line["prompt"] in prompt.question)
    return f"```python\n{line['prompt']}{line['canonical_solution']}```"


class TestCode(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "code"

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(written)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(babble)
