"""The backends that come with ftctl, and the fakes, keep the contracts of their ports."""

import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example, Message
from ftctl.domain.format import HF
from ftctl.plugin.registry import Registry
from ftctl.ports.target import Target
from ftctl.testing.contracts import (
    CompressorContract,
    DataSourceContract,
    EvaluatorContract,
    MonitorContract,
    ServerContract,
    TunerContract,
)
from ftctl.testing.fakes import FakeTarget
from ftctl.testing.offers import fake_entry_points
from ftctl_adapters.modeling.reference import BUILTIN
from tests.answering import Ruled, babble
from tests.contract.models import adapted, fake_model

TINY = Artifact("model", HF, "d" * 64, str(BUILTIN["builtin:tiny"]))


class TestJsonl(DataSourceContract):
    @pytest.fixture
    def offer(self) -> str:
        return "jsonl"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        rows = [{"prompt": f"{n}?", "completion": f"{n} 你好\n é 😀"} for n in range(3)]
        lines = [*map(json.dumps, rows), "{broken", json.dumps({"prompt": "", "completion": "x"})]
        (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return {"path": str(tmp_path / "rows.jsonl")}

    @pytest.fixture
    def holding(self, tmp_path: Path) -> Callable[[Sequence[str]], dict[str, Any]]:
        def hold(texts: Sequence[str]) -> dict[str, Any]:
            rows = [json.dumps({"prompt": text, "completion": "x"}) for text in texts]
            (tmp_path / "texts.jsonl").write_text("\n".join(rows), encoding="utf-8")
            return {"path": str(tmp_path / "texts.jsonl")}

        return hold

    @pytest.fixture
    def absent(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": str(tmp_path / "nothing.jsonl")}

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Callable[[], None]:
        return lambda: (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "another"}))  # type: ignore[return-value]


class TestMix(DataSourceContract):
    @pytest.fixture
    def offer(self) -> str:
        return "mix"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        for name in ("a", "b"):
            rows = [json.dumps({"text": f"{name} {n}"}) for n in range(6)]
            (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
        return {"paths": [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]}

    @pytest.fixture
    def holding(self, tmp_path: Path) -> Callable[[Sequence[str]], dict[str, Any]]:
        def hold(texts: Sequence[str]) -> dict[str, Any]:
            """Several times in both files: it draws by shares, and leaves rows over when one is at its end."""
            rows = [json.dumps({"text": text}) for text in texts]
            for name in ("c", "d"):
                (tmp_path / f"{name}.jsonl").write_text("\n".join(rows * 3), encoding="utf-8")
            return {"paths": [str(tmp_path / "c.jsonl"), str(tmp_path / "d.jsonl")]}

        return hold

    @pytest.fixture
    def absent(self, tmp_path: Path) -> dict[str, Any]:
        return {"paths": [str(tmp_path / "no.jsonl")]}

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Callable[[], None]:
        return lambda: (tmp_path / "b.jsonl").write_text(json.dumps({"text": "another"}))  # type: ignore[return-value]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestPydoc(DataSourceContract):
    @pytest.fixture
    def offer(self) -> str:
        return "pydoc"


class TestTextMetrics(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "text-metrics"

    @pytest.fixture
    def data(self) -> list[Example]:
        """Long enough for four words one behind the other."""
        return [
            Example(f"t:{n}", (Message("user", f"double {n}"), Message("assistant", f"the double of {n} is {2 * n}")))
            for n in range(1, 21)
        ]

    @pytest.fixture
    def best(self) -> Target:
        return Ruled(lambda prompt: f"the double of {(n := int(prompt.question.split()[-1]))} is {2 * n}")

    @pytest.fixture
    def worst(self) -> Target:
        return Ruled(babble, ends="length")


class TestPerplexity(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "perplexity"


class TestConsole(MonitorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "console"


class TestJsonlMonitor(MonitorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "jsonl"


class TestTensorboard(MonitorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "tensorboard"


class Fake:
    """The fakes' own offers."""

    @pytest.fixture
    def offer(self) -> str:
        return "fake"

    @pytest.fixture
    def registry(self) -> Registry:
        return Registry(fake_entry_points)

    @pytest.fixture
    def manifest(self) -> str:
        return "ftctl.testing.offers"


class TestFakeDataSource(Fake, DataSourceContract):
    pass


class TestFakeEvaluator(Fake, EvaluatorContract):
    @pytest.fixture
    def worst(self) -> Target:
        return FakeTarget(right=False)


class TestFakeMonitor(Fake, MonitorContract):
    pass


class TestFakeCompressor(Fake, CompressorContract):
    @pytest.fixture
    def model(self, tmp_path: Path) -> Artifact:
        return fake_model(tmp_path)


class TestFakeBridge(TestFakeCompressor):
    @pytest.fixture
    def offer(self) -> str:
        return "bridge"


class TestFakeTuner(Fake, TunerContract):
    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"steps": 6}

    @pytest.fixture
    def model(self, tmp_path: Path) -> Artifact:
        return fake_model(tmp_path)


@pytest.mark.heavy
class TestInt8(CompressorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "int8"

    @pytest.fixture
    def model(self) -> Artifact:
        return TINY


@pytest.mark.heavy
class TestNf4(CompressorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "nf4"

    @pytest.fixture
    def model(self) -> Artifact:
        return TINY


@pytest.mark.heavy
class TestPrune(CompressorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "prune"

    @pytest.fixture
    def model(self) -> Artifact:
        return TINY


class TestPruneBySize(TestPrune):
    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"method": "magnitude", "pattern": "2:4"}


@pytest.mark.heavy
class TestLowRank(CompressorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "low-rank"

    @pytest.fixture
    def model(self) -> Artifact:
        return TINY


@pytest.mark.heavy
class TestMerge(CompressorContract):
    """A bridge: what it makes answers as the adapter did."""

    @pytest.fixture
    def offer(self) -> str:
        return "merge"

    @pytest.fixture
    def model(self, tmp_path: Path) -> Artifact:
        return adapted(tmp_path)


@pytest.mark.heavy
class TestAddTokens(CompressorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "add-tokens"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"tokens": ["<think>"]}

    @pytest.fixture
    def model(self) -> Artifact:
        return TINY

    @pytest.fixture
    def companions(self) -> tuple[str, ...]:
        """The tokenizer is what it changes."""
        return ("chat_template.jinja", "generation_config.json")


class TestFakeServer(Fake, ServerContract):
    pass


RELEASE = tuple(int(part) for part in version("transformers").split(".")[:2])
UNLISTED = {"test_it_lists_the_model_by_the_name_that_requests_use": "it lists what is in the hub's cache alone"}
"""Of releases before 5.24."""


@pytest.mark.heavy
class TestTransformers(ServerContract):
    expected_failures: ClassVar[dict[str, str]] = UNLISTED if RELEASE < (5, 24) else {}

    @pytest.fixture
    def offer(self) -> str:
        return "transformers"

    @pytest.fixture
    def model(self) -> Artifact:
        return TINY
