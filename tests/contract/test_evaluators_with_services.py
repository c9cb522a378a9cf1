"""Evaluators that ask more than the model keep the contract: a judge, people, a server, a sandbox, the base model."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.example import Example, Prompt
from ftctl.domain.launch import Endpoint
from ftctl.ports import Answer, EndpointAccess, Target
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget
from ftctl_plugins.evaluators.own_cases import read_cases
from ftctl_plugins.evaluators.quality.human import Human, HumanOptions
from tests.answering import Ruled, babble
from tests.openai_server import FakeService, serving
from tests.streaming import Pace, streaming

pytest.importorskip("sacrebleu")


class TestJudge(EvaluatorContract):
    @pytest.fixture
    def offer(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        with serving(FakeService(honest)) as running:
            monkeypatch.setenv("JUDGE_URL", running.url)
            yield "judge"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"url_env": "JUDGE_URL", "model": "judge"}

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Who answers as the reference does is even with it; the others are figures of the judge, who is the same."""
        return frozenset({"judge_win_rate", "judge_consistent", "judge_failed", "judge_position_bias"})


def honest(body: dict[str, Any]) -> str:
    """Prefers who has doubled the number."""
    text = body["messages"][-1]["content"]
    wanted = str(2 * int(re.findall(r"double (\d+)", text)[0]))
    first, second = (wanted in text.partition(f"[Answer {one}]")[2].partition("[")[0] for one in "AB")
    return "C" if first == second else "A" if first else "B"


class TestRubric(EvaluatorContract):
    @pytest.fixture
    def offer(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        with serving(FakeService(graded)) as running:
            monkeypatch.setenv("GRADER_URL", running.url)
            yield "rubric"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"url_env": "GRADER_URL", "model": "grader"}

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Figures of the grader, who is the same."""
        return frozenset({"rubric_failed", "rubric_separates"})


def graded(body: dict[str, Any]) -> str:
    """Five for the reference, and one for anything else."""
    text = body["messages"][-1]["content"]
    reference = text.partition("[Reference]\n")[2].partition("\n\n[Criterion]")[0]
    answer = text.partition("[Answer]\n")[2].partition("\n\n[Grade]")[0]
    return "5" if answer == reference else "1"


class Dialled(FakeTarget):
    """Served at a pace."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self.pace = pace

    def reached(self) -> EndpointAccess:
        return EndpointAccess(Endpoint(self.pace.url, "m"))


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
        taken = {"server_cores", "server_rss_mb"}
        return frozenset(times | taken | {"requests_per_second", "tokens_per_second"})

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Of a server that refuses everything nothing can be told."""
        return frozenset({"goodput", "failed"})


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

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Who answers as the reference does is even with it; the raters are the same."""
        return frozenset({"human_preference", "human_alpha"})


def knows(row: dict[str, str]) -> str:
    right = str(2 * int(row["question"].split()[-1]))
    return "=" if row["first"] == row["second"] == right else "1" if row["first"] == right else "2"


def written(prompt: Prompt) -> str:
    """The solution of each task of `code`."""
    line = next(line for line in read_cases("quality/code") if line["prompt"] in prompt.question)
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


class Drawing(Ruled):
    """Says what it is told to, at whatever temperature."""

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        return self.generate(prompts, max_new_tokens)


class TestDrift(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "drift"

    @pytest.fixture
    def origin(self) -> Target:
        return Drawing(babble, lambda example: -1.0)

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(babble, lambda example: -1.0)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(babble, lambda example: -5.0)


class TestMembership(EvaluatorContract):
    """Of two models to one of which what was trained on is more probable."""

    @pytest.fixture
    def offer(self) -> str:
        return "membership"

    @pytest.fixture
    def trained(self, data: list[Example]) -> list[Example]:
        return [evolve(example, where=f"train:{number}") for number, example in enumerate(data)]

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(babble, lambda example: -9.0 if example.where.startswith("train") else -0.1)

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(babble, lambda example: -0.1 if example.where.startswith("train") else -9.0)
