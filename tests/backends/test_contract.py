"""Backends that live in environments of their own keep the contracts of their ports."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import to_plain
from ftctl.domain.format import ONNX
from ftctl.domain.interpreter import Interpreter
from ftctl.testing import tiny_model
from ftctl.testing.contracts import ServerContract
from ftctl_adapters.environments.local import LocalEnvironments

EXPORT = """
import json, sys
from pathlib import Path
from ftctl.domain import Artifact
from ftctl.domain.codec import from_plain
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl.plugin.registry import Registry
folder, model = json.loads(sys.argv[1])
compressor = make(Registry().find("compressor", "onnx"), {})
draft = compressor.compress(from_plain(model, Artifact), (), recording(Path(folder)))
print(json.dumps(draft.facts))
"""
"""What runs where onnxruntime-genai is."""

pytestmark = [pytest.mark.heavy, pytest.mark.backends]


class InEnvironment(ServerContract, contract=True):
    """Started from here, in the environment that has the offer's name."""

    @pytest.fixture
    def model(self) -> Artifact:
        return tiny_model()

    @pytest.fixture
    def python(self, environment: Callable[[str], None], tmp_path: Path, offer: str) -> Interpreter:
        environment(offer)
        return LocalEnvironments(tmp_path).enter(offer)


class TestVllm(InEnvironment):
    @pytest.fixture
    def offer(self) -> str:
        return "vllm"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"max_model_len": 512}


class TestOnnx(InEnvironment):
    """What it serves is made first, once, by the compressor of the same name."""

    @pytest.fixture
    def offer(self) -> str:
        return "onnx"

    @pytest.fixture
    def model(self, exported: Artifact) -> Artifact:
        return exported


@pytest.fixture(scope="module")
def exported(environment: Callable[[str], None], testing: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny model as ONNX."""
    environment("onnx")
    folder = tmp_path_factory.mktemp("exported")
    found = LocalEnvironments(folder).enter("onnx")
    given = json.dumps([str(folder), to_plain(tiny_model())])
    done = subprocess.run(
        [found.path, "-c", EXPORT, given],
        env={**os.environ, **found.variables, "PYTHONPATH": str(testing)},
        check=True,
        capture_output=True,
        text=True,
    )
    return Artifact("model", ONNX, "e" * 64, str(folder / "out"), json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("place", "name", "values"),
    [
        ("llmcompressor", "gptq", {}),
        ("llmcompressor", "w8a8", {}),
        ("gptq", "gptqmodel", {}),
        ("onnx", "onnx", {"precision": "int8"}),
    ],
)
def test_a_compressor_keeps_its_contract_where_it_lives(
    environment: Callable[[str], None], testing: Path, tmp_path: Path, place: str, name: str, values: dict[str, Any]
) -> None:
    environment(place)
    found = LocalEnvironments(tmp_path).enter(place)
    check = {"port": "compressor", "name": name, "values": values, "python": found.path}
    done = subprocess.run(
        [found.path, "-m", "ftctl.testing.check", json.dumps(check)],
        env={**os.environ, **found.variables, "PYTHONPATH": str(testing)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, f"{[one for one in told if one.get('outcome') == 'failed']}\n{done.stderr[-2000:]}"
    assert len([one for one in told if one["outcome"] == "passed"]) >= 10
