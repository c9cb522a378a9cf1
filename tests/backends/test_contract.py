"""Servers that live in environments of their own keep the contract of their port."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.domain.interpreter import Interpreter
from ftctl.testing.contracts import ServerContract
from ftctl_adapters.environments.local import LocalEnvironments
from ftctl_adapters.modeling.reference import BUILTIN

TINY = Artifact("model", HF, "d" * 64, str(BUILTIN["builtin:tiny"]))


@pytest.mark.heavy
@pytest.mark.backends
class TestVllm(ServerContract):
    @pytest.fixture
    def offer(self) -> str:
        return "vllm"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"max_model_len": 512}

    @pytest.fixture
    def model(self) -> Artifact:
        return TINY

    @pytest.fixture
    def python(self, environment: Callable[[str], None], tmp_path: Path) -> Interpreter:
        environment("vllm")
        return LocalEnvironments(tmp_path).enter("vllm")
